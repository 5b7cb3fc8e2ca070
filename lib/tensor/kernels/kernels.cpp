#include "tensor/kernels/kernels.h"

#include <cstdlib>
#include <string_view>

#include "tensor/kernels/aten/aten.h"
#include "tensor/kernels/cpu/cpu.h"

namespace llmops::tensor {

const Kernels& aten_kernels() {
#define LLMOPS_ENTRY(Type, name) aten::name,
  static constexpr Kernels kTable = {"aten", LLMOPS_KERNELS(LLMOPS_ENTRY)};
#undef LLMOPS_ENTRY
  return kTable;
}

const Kernels& cpu_kernels() {
#define LLMOPS_ENTRY(Type, name) cpu::name,
  static constexpr Kernels kTable = {"cpu", LLMOPS_KERNELS(LLMOPS_ENTRY)};
#undef LLMOPS_ENTRY
  return kTable;
}

const Kernels& kernels_for(const at::Device& device) {
  if (!device.is_cpu()) return aten_kernels();
  const char* wanted = std::getenv("LLMOPS_KERNELS");
  return wanted && std::string_view(wanted) == "aten" ? aten_kernels() : cpu_kernels();
}

}  // namespace llmops::tensor
