#pragma once

#include <cstdint>

#include "tensor/kernels/dropout_mask.h"

// The CPU kernels on plain pointers: one table per instruction set, the same sources compiled for
// each. The files of cpu.h check the tensors and call them; kernels.h says what they promise.
namespace llmops::tensor::cpu {

using Index = std::int64_t;

// Activations: float or bfloat16.
struct Act {
  void* data = nullptr;
  bool bf16 = false;
};

// c = a b (+ bias of each column), or c += a b. a is [m, k] and b is [k, n], each with one of its
// two strides equal to 1; c [m, n] is contiguous.
struct GemmCall {
  Index m = 0, n = 0, k = 0;
  Act a, b, c;
  Index a_row = 0, a_k = 0;  // distance of two rows of a, of two steps of k
  Index b_k = 0, b_column = 0;
  bool accumulate = false;  // c += …, for a float c
  const float* bias = nullptr;
  // Called from any of the threads once rows [begin, end) of c are final, for each row once.
  void (*rows_done)(const void* context, Index begin, Index end) = nullptr;
  const void* context = nullptr;
};

struct NormCall {
  bool layer_norm = false;
  Index rows = 0, columns = 0;
  const float* residual = nullptr;
  Act delta;  // data null: none
  const float *weight = nullptr, *bias = nullptr;
  float eps = 0;
  float* sum = nullptr;
  Act y;
  float *mean = nullptr, *rstd = nullptr;
};

struct NormBackwardCall {
  bool layer_norm = false;
  Index rows = 0, columns = 0, length = 0;  // length: rows of a sequence
  Act dy;
  const float *sum = nullptr, *weight = nullptr, *mean = nullptr, *rstd = nullptr;
  float *dsum = nullptr, *dweight = nullptr, *dbias = nullptr;
  Act dsum_act;  // data null: none
};

struct AttentionCall {
  Index batch = 0, length = 0, heads = 0, kv_heads = 0, head_dim = 0, window = 0;
  float scale = 0;
  DropoutMask dropout;
  Act qkv;
  const std::int32_t* segment_start = nullptr;
  Act out;
  float* lse = nullptr;
  Act dout{}, dqkv{};  // backward only
};

enum class ActivationKind { kGeluTanh, kGelu, kSilu };

// pre [rows, size] or [rows, 2 size] when gated; out [rows, size]. Backward: out is the gradient
// of the output and dpre receives the gradient of pre.
struct ActivationCall {
  ActivationKind kind = ActivationKind::kGeluTanh;
  bool gated = false;
  Index rows = 0, size = 0;
  Act pre, out, dpre{};
};

struct AdamWCall {
  Index size = 0, decay_size = 0;
  float *weights = nullptr, *m = nullptr, *v = nullptr, *grads = nullptr;
  std::uint16_t* compute = nullptr;
  float clip = 1, beta1 = 0, beta2 = 0;
  float fresh1 = 1, fresh2 = 1;        // 1 - beta, rounded once
  float keep = 1;                      // 1 - learning rate * weight decay
  float rate = 0, root2 = 1, eps = 0;  // rate / (1 - beta1^t), sqrt(1 - beta2^t)
};

struct RawKernels {
  void (*gemm)(const GemmCall& call);
  void (*embed)(Index rows, Index columns, const std::int32_t* ids, const std::int32_t* positions,
                Act wte, Act wpe, float* out);
  void (*embed_backward)(Index rows, Index columns, const std::int32_t* ids, const float* dout,
                         float* table);
  void (*rope)(Act qkv, const std::int32_t* positions, const float* cos, const float* sin,
               Index rows, Index rotated_heads, Index row_size, Index head_dim, bool inverse);
  void (*add_norm)(const NormCall& call);
  void (*norm_backward)(const NormBackwardCall& call);
  void (*attention)(const AttentionCall& call);
  void (*attention_backward)(const AttentionCall& call);
  // Rows [begin, end) on the calling thread, and all rows on all threads.
  void (*activation_rows)(const ActivationCall& call, Index begin, Index end);
  void (*activation)(const ActivationCall& call);
  void (*activation_backward)(const ActivationCall& call);
  // sums[c] += the sum of column c of x [rows, columns].
  void (*column_sums)(Act x, Index rows, Index columns, float* sums);
  void (*dropout)(Act x, Index rows, Index columns, const DropoutMask& mask);
  // With `gradient`, logits becomes scale * (softmax - one_hot).
  void (*cross_entropy)(Act logits, Index rows, Index columns, const std::int32_t* targets,
                        bool gradient, float scale, float* losses);
  // into += from and from = 0 unless it is null; the sum of squares of into.
  double (*reduce)(float* into, float* from, Index size);
  void (*adamw)(const AdamWCall& call);  // grads = 0
  void (*ema)(float* average, const float* weights, Index size, float share);
};

}  // namespace llmops::tensor::cpu
