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

// Tokens of a page of the cache, and the multiple that D is padded to in pages of values.
constexpr Index kPageTokens = 64, kPageLanes = 16;

// Attention of the newest tokens of several sequences to all of theirs; see kernels.h.
struct CachedAttentionCall {
  Index sequences = 0, heads = 0, kv_heads = 0, head_dim = 0, window = 0;
  float scale = 0;
  Act qkv;                                // [n, (H + 2K) D]
  const std::int32_t* offsets = nullptr;  // [sequences + 1]
  const std::int32_t* starts = nullptr;   // [sequences]
  const std::int32_t* pages = nullptr;    // [sequences, page_stride]
  Index page_stride = 0;
  Act keys, values;  // of the qkv's type: [pages, K, D, P], [pages, K, P, D padded]
  Act out;           // [n, H D]

  Index padded_dim() const { return (head_dim + kPageLanes - 1) / kPageLanes * kPageLanes; }
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
  float one_minus_beta1 = 1, one_minus_beta2 = 1;      // 1 - beta, rounded once
  float weight_keep = 1;                               // 1 - learning rate * weight decay
  float rate = 0, bias_correction2_sqrt = 1, eps = 0;  // rate / (1 - beta1^t), sqrt(1 - beta2^t)
};

using GemmKernel = void(const GemmCall& call);
using EmbedKernel = void(Index rows, Index columns, const std::int32_t* ids,
                         const std::int32_t* positions, Act wte, Act wpe, float* out);
using EmbedBackwardKernel = void(Index rows, Index columns, const std::int32_t* ids,
                                 const float* dout, float* table);
using RopeKernel = void(Act qkv, const std::int32_t* positions, const float* cos, const float* sin,
                        Index rows, Index rotated_heads, Index row_size, Index head_dim,
                        bool inverse);
using AddNormKernel = void(const NormCall& call);
using NormBackwardKernel = void(const NormBackwardCall& call);
using AttentionKernel = void(const AttentionCall& call);
using AttentionBackwardKernel = void(const AttentionCall& call);
using AttentionCachedKernel = void(const CachedAttentionCall& call);
// Rows [begin, end) on the calling thread, and all rows on all threads.
using ActivationRowsKernel = void(const ActivationCall& call, Index begin, Index end);
using ActivationKernel = void(const ActivationCall& call);
using ActivationBackwardKernel = void(const ActivationCall& call);
// sums[c] += the sum of column c of x [rows, columns].
using ColumnSumsKernel = void(Act x, Index rows, Index columns, float* sums);
using DropoutKernel = void(Act x, Index rows, Index columns, const DropoutMask& mask);
// With `gradient`, logits becomes scale * (softmax - one_hot).
using CrossEntropyKernel = void(Act logits, Index rows, Index columns, const std::int32_t* targets,
                                bool gradient, float scale, float* losses);
// into += from and from = 0 unless it is null; the sum of squares of into.
using ReduceKernel = double(float* into, float* from, Index size);
using AdamWKernel = void(const AdamWCall& call);  // grads = 0
using EmaKernel = void(float* average, const float* weights, Index size, float share);

#define LLMOPS_RAW_KERNELS(X)                      \
  X(GemmKernel, gemm)                              \
  X(EmbedKernel, embed)                            \
  X(EmbedBackwardKernel, embed_backward)           \
  X(RopeKernel, rope)                              \
  X(AddNormKernel, add_norm)                       \
  X(NormBackwardKernel, norm_backward)             \
  X(AttentionKernel, attention)                    \
  X(AttentionBackwardKernel, attention_backward)   \
  X(AttentionCachedKernel, attention_cached)       \
  X(ActivationRowsKernel, activation_rows)         \
  X(ActivationKernel, activation)                  \
  X(ActivationBackwardKernel, activation_backward) \
  X(ColumnSumsKernel, column_sums)                 \
  X(DropoutKernel, dropout)                        \
  X(CrossEntropyKernel, cross_entropy)             \
  X(ReduceKernel, reduce)                          \
  X(AdamWKernel, adamw)                            \
  X(EmaKernel, ema)

struct RawKernels {
#define LLMOPS_MEMBER(Type, name) Type* name;
  LLMOPS_RAW_KERNELS(LLMOPS_MEMBER)
#undef LLMOPS_MEMBER
};

}  // namespace llmops::tensor::cpu
