#include "tensor/kernels/cpu/raw.h"

#include "tensor/kernels/cpu/vec.h"

namespace llmops::tensor::LLMOPS_ISA {

using cpu::Act;

void gemm(const cpu::GemmCall& call);
void embed(Index rows, Index columns, const std::int32_t* ids, const std::int32_t* positions,
           cpu::Act wte, cpu::Act wpe, float* out);
void embed_backward(Index rows, Index columns, const std::int32_t* ids, const float* dout,
                    float* table);
void rope(Act qkv, const std::int32_t* positions, const float* cos, const float* sin, Index rows,
          Index rotated_heads, Index row_size, Index head_dim, bool inverse);
void add_norm(const cpu::NormCall& call);
void norm_backward(const cpu::NormBackwardCall& call);
void attention(const cpu::AttentionCall& call);
void attention_backward(const cpu::AttentionCall& call);
void activation_rows(const cpu::ActivationCall& call, Index begin, Index end);
void activation(const cpu::ActivationCall& call);
void activation_backward(const cpu::ActivationCall& call);
void column_sums(Act x, Index rows, Index columns, float* sums);
void dropout(Act x, Index rows, Index columns, const DropoutMask& mask);
void cross_entropy(Act logits, Index rows, Index columns, const std::int32_t* targets,
                   bool gradient, float scale, float* losses);
double reduce(float* into, float* from, Index size);
void adamw(const cpu::AdamWCall& call);
void ema(float* average, const float* weights, Index size, float share);

const cpu::RawKernels& raw_kernels() {
  static constexpr cpu::RawKernels kTable = {
      .gemm = gemm,
      .embed = embed,
      .embed_backward = embed_backward,
      .rope = rope,
      .add_norm = add_norm,
      .norm_backward = norm_backward,
      .attention = attention,
      .attention_backward = attention_backward,
      .activation_rows = activation_rows,
      .activation = activation,
      .activation_backward = activation_backward,
      .column_sums = column_sums,
      .dropout = dropout,
      .cross_entropy = cross_entropy,
      .reduce = reduce,
      .adamw = adamw,
      .ema = ema,
  };
  return kTable;
}

}  // namespace llmops::tensor::LLMOPS_ISA
