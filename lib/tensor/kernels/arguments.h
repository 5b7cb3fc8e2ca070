#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

// Arguments of the operations in kernels.h, which has the legend of the letters.
namespace llmops::tensor {

using at::Tensor;

// Which random mask: a function of the seed, the step and the place (layer, site, row), never of
// the order of calls or of how a step is cut into passes.
struct DropoutKey {
  double p = 0;  // probability of dropping; kept values are scaled by 1 / (1 - p)
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  std::uint64_t site = 0;      // layer and place
  std::int64_t first_row = 0;  // number of the first row of the tensor within the step
};

struct AttentionShape {
  std::int64_t batch = 0, length = 0, heads = 0, kv_heads = 0, head_dim = 0;
  std::int64_t window = 0;  // keys a query sees, itself included; 0 = all
  float scale = 0;          // 1 / sqrt(D)
  DropoutKey dropout;       // on the attention weights; row = (b H + h) T + query, column = key
};

// Documents that are packed into the rows of a batch. Undefined: every row is one.
struct Segments {
  Segments() = default;
  Segments(Tensor of_each_token) : start(std::move(of_each_token)) {}
  bool defined() const { return start.defined(); }

  Tensor start;  // int32 [B, T]: where the document of a token begins in its row
  // The same as int32 [S + 1], token offsets[s] is the first of document s, and their greatest
  // length. What fused kernels of a GPU read; undefined elsewhere.
  Tensor offsets;
  std::int64_t longest = 0;
};

// Tokens of several sequences, one sequence after the other, which follow those that a cache holds.
// Tables of the host, int32. Token i of all of sequence s is in slot i % P of page pages[s, i / P];
// a sequence writes to pages that no other reads.
struct CachedSequences {
  Tensor offsets;  // [S + 1]: sequence s has the tokens [offsets[s], offsets[s + 1])
  Tensor starts;   // [S]: how many of its tokens are in the cache
  Tensor pages;    // [S, most pages of a sequence]
};
struct CachedAttentionShape {
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0, window = 0;
  float scale = 0;  // 1 / sqrt(D)
};

// The weight of a linear layer, [O, I], of either type with either activation type. Only products
// look inside: other formats are added there.
struct Matrix {
  Matrix() = default;
  Matrix(Tensor dense) : data(std::move(dense)) {}
  bool defined() const { return data.defined(); }

  Tensor data;  // float or bfloat16 [O, I]
};

struct AdamWStep {
  double learning_rate = 0, beta1 = 0, beta2 = 0, eps = 0, weight_decay = 0;
  std::int64_t decay_size = 0;  // the first elements of the flat buffers decay
  double max_grad_norm = 0;     // 0 = no clipping
};

}  // namespace llmops::tensor
