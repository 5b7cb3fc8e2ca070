#pragma once

#include "tensor/kernels/kernels.h"

// The functions of cpu_kernels(): they check the tensors and call the raw kernels of isa().
namespace llmops::tensor::cpu {

void embed(const Tensor& ids, const Tensor& positions, const Tensor& wte, const Tensor& wpe,
           Tensor& out);
void embed_backward(const Tensor& ids, const Tensor& positions, const Tensor& dout, Tensor& dwte,
                    Tensor& dwpe);
void add_norm(arch::Norm kind, const Tensor& residual, const Tensor& delta, const Tensor& weight,
              const Tensor& bias, double eps, Tensor& sum, Tensor& y, Tensor& mean, Tensor& rstd);
void norm_backward(arch::Norm kind, const Tensor& dy, const Tensor& sum, const Tensor& weight,
                   const Tensor& mean, const Tensor& rstd, std::int64_t length, Tensor& dsum,
                   Tensor& dweight, Tensor& dbias, Tensor& dsum_act);
void rope(Tensor& qkv, const Tensor& positions, const Tensor& cos, const Tensor& sin,
          std::int64_t heads, std::int64_t kv_heads, bool inverse);
void attention(const AttentionShape& shape, const Tensor& qkv, const Tensor& segment_start,
               Tensor& out, Tensor& lse);
void attention_backward(const AttentionShape& shape, const Tensor& qkv, const Tensor& segment_start,
                        const Tensor& out, const Tensor& lse, const Tensor& dout, Tensor& dqkv);
void linear(const Tensor& x, const Matrix& w, const Tensor& bias, Tensor& y);
void linear_activation(const Tensor& x, const Matrix& w, const Tensor& bias, arch::Activation kind,
                       bool gated, Tensor& pre, Tensor& out);
void activation(const Tensor& pre, arch::Activation kind, bool gated, Tensor& out);
void activation_backward(const Tensor& pre, const Tensor& dout, arch::Activation kind, bool gated,
                         Tensor& dpre);
void linear_backward_input(const Tensor& dy, const Matrix& w, Tensor& dx);
void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw, Tensor& dbias);
void dropout(Tensor& x, const DropoutKey& key);
void cross_entropy(Tensor& logits, const Tensor& targets, float scale, Tensor& losses);
void cross_entropy_loss(const Tensor& logits, const Tensor& targets, Tensor& losses);
void reduce(Tensor& into, Tensor& from, Tensor& norm_squared);
void adamw(const AdamWStep& step, Tensor& weights, Tensor& grads, Tensor& m, Tensor& v,
           const Tensor& norm_squared, const Tensor& loss, Tensor& updates, Tensor& compute);
void ema(Tensor& average, const Tensor& weights, double decay);

}  // namespace llmops::tensor::cpu
