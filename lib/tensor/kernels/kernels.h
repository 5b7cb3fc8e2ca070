#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "arch/transformer_config.h"
#include "tensor/kernels/arguments.h"

// The operations of a transformer step. One table of functions per implementation: ATen
// compositions (any device; the oracle of the tests, and what a GPU runs), and CPU kernels.
//
// Legend: B rows of a micro batch, T tokens of a row, N = B T, C hidden size, H query heads,
// K key/value heads, D head size, F intermediate size, V vocabulary, O and I outputs and inputs of
// a linear layer. "act" is the activation type, float or bfloat16; the residual stream, statistics,
// gradients of weights and optimizer state are float. Tensors are contiguous. `+=` accumulates.
// Undefined tensors mean "none" where a comment says optional. Every function gives bit-identical
// results for identical inputs and thread count, and runs serially inside an OpenMP parallel
// region.
namespace llmops::tensor {

// out[n] = wte[ids[n]] (+ wpe[positions[n]]): ids, positions int32 [N]; wte [V, C] and wpe [P,
// C], optional, float or bfloat16 each; out float [N, C].
using EmbedOp = void(const Tensor& ids, const Tensor& positions, const Tensor& wte,
                     const Tensor& wpe, Tensor& out);
// dwte[ids[n]] += dout[n]; dwpe[positions[n]] += dout[n]; either is optional.
using EmbedBackwardOp = void(const Tensor& ids, const Tensor& positions, const Tensor& dout,
                             Tensor& dwte, Tensor& dwpe);

// sum = residual + delta (delta act [N, C], optional: then sum must be residual itself and is
// left alone); y = norm(sum) * weight + bias. residual, sum float [N, C], may be one tensor;
// weight float [C]; bias optional; y act [N, C]; mean (LayerNorm only) and rstd float [N].
using AddNormOp = void(arch::Norm kind, const Tensor& residual, const Tensor& delta,
                       const Tensor& weight, const Tensor& bias, double eps, Tensor& sum, Tensor& y,
                       Tensor& mean, Tensor& rstd);
// dsum += d norm(sum) / d sum applied to dy: dy act [N, C], sum as add_norm left it, dsum float
// [N, C]; dweight, dbias (both optional) float [C] +=. dsum_act (optional, act [N, C]) receives
// the final dsum in the activation type. On a CPU, sums over the rows are taken sequence by
// sequence (`length` rows each): two calls with one each give the bits of one call with both.
using NormBackwardOp = void(arch::Norm kind, const Tensor& dy, const Tensor& sum,
                            const Tensor& weight, const Tensor& mean, const Tensor& rstd,
                            std::int64_t length, Tensor& dsum, Tensor& dweight, Tensor& dbias,
                            Tensor& dsum_act);

// Rotates the q and k parts of qkv act [N, (H + 2K) D] in place, pairs (i, i + D/2) as in Hugging
// Face's rotate_half: angle positions[n] * theta^(-2i/D), from tables cos, sin float [P, D/2].
// `inverse` rotates back, which is the backward.
using RopeOp = void(Tensor& qkv, const Tensor& positions, const Tensor& cos, const Tensor& sin,
                    std::int64_t heads, std::int64_t kv_heads, bool inverse);

// Causal attention within segments: query t of row b sees keys
// max(segments.start[b, t], t - window + 1) .. t. qkv act [N, (H + 2K) D]; out act [N, H D]; lse
// float [B, H, T], natural log of the sum of exp(scaled score), before dropout; what the ATen
// table leaves there is for its own backward.
using AttentionOp = void(const AttentionShape& shape, const Tensor& qkv, const Segments& segments,
                         Tensor& out, Tensor& lse);
// dqkv act [N, (H + 2K) D] is overwritten.
using AttentionBackwardOp = void(const AttentionShape& shape, const Tensor& qkv,
                                 const Segments& segments, const Tensor& out, const Tensor& lse,
                                 const Tensor& dout, Tensor& dqkv);

// Puts keys and values of the tokens into their pages, then out[n] = attention of token n to its
// sequence up to itself. qkv act [N, (H + 2K) D], out act [N, H D]; keys act [pages, K, D, P],
// values act [pages, K, P, D rounded up to 16], P = plan::kPageTokens. On a CPU, what a token gets
// depends on its sequence alone, to the bit.
using AttentionCachedOp = void(const CachedAttentionShape& shape, const Tensor& qkv,
                               const CachedSequences& sequences, Tensor& keys, Tensor& values,
                               Tensor& out);

// y = x w^T + bias: x act [N, I], w [O, I], bias float [O] optional, y act or float [N, O]. ATen's
// products, which processors with AMX run for bfloat16 too, round the bias to act first.
using LinearOp = void(const Tensor& x, const Matrix& w, const Tensor& bias, Tensor& y);
// The same, then out = activation(pre): pre act [N, F], or [N, 2F] when gated (gate columns, then
// up columns; out = act(gate) * up); out act [N, F].
using LinearActivationOp = void(const Tensor& x, const Matrix& w, const Tensor& bias,
                                arch::Activation kind, bool gated, Tensor& pre, Tensor& out);
// out = activation(pre), for recomputing it in the backward pass.
using ActivationOp = void(const Tensor& pre, arch::Activation kind, bool gated, Tensor& out);
// dpre from dout; dpre may be the same tensor as dout when not gated.
using ActivationBackwardOp = void(const Tensor& pre, const Tensor& dout, arch::Activation kind,
                                  bool gated, Tensor& dpre);
// dx = dy w: dy act [N, O], dx act [N, I].
using LinearBackwardInputOp = void(const Tensor& dy, const Matrix& w, Tensor& dx);
// dw float [O, I] += dy^T x; dbias float [O] += column sums of dy; either is optional.
using LinearBackwardWeightOp = void(const Tensor& dy, const Tensor& x, Tensor& dw, Tensor& dbias);

// x act or float [N, C] is masked and scaled in place; on a gradient this is the backward.
using DropoutOp = void(Tensor& x, const DropoutKey& key);

// losses[r] = -log softmax(logits[r])[targets[r]], 0 where targets[r] < 0; then logits becomes
// its gradient, scale * (softmax - one_hot), 0 where targets[r] < 0. logits act [R, V], targets
// int32 [R], losses float [R].
using CrossEntropyOp = void(Tensor& logits, const Tensor& targets, float scale, Tensor& losses);
// The losses alone; logits stays as it is.
using CrossEntropyLossOp = void(const Tensor& logits, const Tensor& targets, Tensor& losses);

// into += from, from = 0 (undefined: nothing to add), flat float buffers of equal size;
// norm_squared float64 [1] = sum of squares of into then (NaN or Inf if any element is).
using ReduceOp = void(Tensor& into, Tensor& from, Tensor& norm_squared);
// One AdamW update (Loshchilov and Hutter, arXiv 1711.05101, as torch.optim.AdamW) of the flat
// float buffers, gradients scaled by min(1, max_grad_norm / (norm + 1e-6)). When norm_squared
// [1] or loss [1] (both float64) is not finite nothing is updated. updates float64 [1] counts the
// updates applied, for the bias correction. compute (optional, bfloat16, same size) receives the
// new weights rounded to nearest even. grads is zero afterwards, whatever came of them.
using AdamWOp = void(const AdamWStep& step, Tensor& weights, Tensor& grads, Tensor& m, Tensor& v,
                     const Tensor& norm_squared, const Tensor& loss, Tensor& updates,
                     Tensor& compute);
// average += (1 - decay) (weights - average), flat float buffers; nothing when adamw updated
// nothing.
using EmaOp = void(Tensor& average, const Tensor& weights, double decay, const Tensor& norm_squared,
                   const Tensor& loss);

// Every operation: its type and its name. Tables, declarations and the profiler are made from it.
#define LLMOPS_KERNELS(X)                           \
  X(EmbedOp, embed)                                 \
  X(EmbedBackwardOp, embed_backward)                \
  X(AddNormOp, add_norm)                            \
  X(NormBackwardOp, norm_backward)                  \
  X(RopeOp, rope)                                   \
  X(AttentionOp, attention)                         \
  X(AttentionBackwardOp, attention_backward)        \
  X(AttentionCachedOp, attention_cached)            \
  X(LinearOp, linear)                               \
  X(LinearActivationOp, linear_activation)          \
  X(ActivationOp, activation)                       \
  X(ActivationBackwardOp, activation_backward)      \
  X(LinearBackwardInputOp, linear_backward_input)   \
  X(LinearBackwardWeightOp, linear_backward_weight) \
  X(DropoutOp, dropout)                             \
  X(CrossEntropyOp, cross_entropy)                  \
  X(CrossEntropyLossOp, cross_entropy_loss)         \
  X(ReduceOp, reduce)                               \
  X(AdamWOp, adamw)                                 \
  X(EmaOp, ema)

struct Kernels {
  const char* name;  // "cpu", "aten"
#define LLMOPS_MEMBER(Type, name) Type* name;
  LLMOPS_KERNELS(LLMOPS_MEMBER)
#undef LLMOPS_MEMBER
};

// Declares one in the namespace of an implementation.
#define LLMOPS_DECLARE_KERNEL(Type, name) Type name;

const Kernels& aten_kernels();
// For this processor; LLMOPS_CPU=generic|avx2|avx512|avx512_bf16|amx lowers the choice, for tests.
const Kernels& cpu_kernels();
// cpu: cpu_kernels(), or the ATen table when LLMOPS_KERNELS=aten; cuda: the ATen table.
const Kernels& kernels_for(const at::Device& device);
// "avx512" …: what cpu_kernels() chose.
const char* cpu_isa();

}  // namespace llmops::tensor
