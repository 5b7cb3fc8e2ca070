#include "tensor/kernels/kernels.h"

#include <cstdlib>
#include <string_view>

#include "tensor/kernels/aten/aten.h"
#include "tensor/kernels/cpu/cpu.h"

namespace llmops::tensor {

const Kernels& aten_kernels() {
  static constexpr Kernels kTable = {
      .name = "aten",
      .embed = aten::embed,
      .embed_backward = aten::embed_backward,
      .add_norm = aten::add_norm,
      .norm_backward = aten::norm_backward,
      .rope = aten::rope,
      .attention = aten::attention,
      .attention_backward = aten::attention_backward,
      .linear = aten::linear,
      .linear_activation = aten::linear_activation,
      .activation = aten::activation,
      .activation_backward = aten::activation_backward,
      .linear_backward_input = aten::linear_backward_input,
      .linear_backward_weight = aten::linear_backward_weight,
      .dropout = aten::dropout,
      .cross_entropy = aten::cross_entropy,
      .cross_entropy_loss = aten::cross_entropy_loss,
      .reduce = aten::reduce,
      .adamw = aten::adamw,
      .ema = aten::ema,
  };
  return kTable;
}

const Kernels& cpu_kernels() {
  static constexpr Kernels kTable = {
      .name = "cpu",
      .embed = cpu::embed,
      .embed_backward = cpu::embed_backward,
      .add_norm = cpu::add_norm,
      .norm_backward = cpu::norm_backward,
      .rope = cpu::rope,
      .attention = cpu::attention,
      .attention_backward = cpu::attention_backward,
      .linear = cpu::linear,
      .linear_activation = cpu::linear_activation,
      .activation = cpu::activation,
      .activation_backward = cpu::activation_backward,
      .linear_backward_input = cpu::linear_backward_input,
      .linear_backward_weight = cpu::linear_backward_weight,
      .dropout = cpu::dropout,
      .cross_entropy = cpu::cross_entropy,
      .cross_entropy_loss = cpu::cross_entropy_loss,
      .reduce = cpu::reduce,
      .adamw = cpu::adamw,
      .ema = cpu::ema,
  };
  return kTable;
}

const Kernels& kernels_for(const at::Device& device) {
  if (!device.is_cpu()) return aten_kernels();
  const char* wanted = std::getenv("LLMOPS_KERNELS");
  return wanted && std::string_view(wanted) == "aten" ? aten_kernels() : cpu_kernels();
}

}  // namespace llmops::tensor
