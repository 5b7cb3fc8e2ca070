#include "tensor/kernels/cpu/raw.h"

#include "tensor/kernels/cpu/isa/vec.h"

namespace llmops::tensor::LLMOPS_ISA {

#define LLMOPS_DECLARE_RAW(Type, name) cpu::Type name;
LLMOPS_RAW_KERNELS(LLMOPS_DECLARE_RAW)
#undef LLMOPS_DECLARE_RAW

const cpu::RawKernels& raw_kernels() {
#define LLMOPS_ENTRY(Type, name) name,
  static constexpr cpu::RawKernels kTable = {LLMOPS_RAW_KERNELS(LLMOPS_ENTRY)};
#undef LLMOPS_ENTRY
  return kTable;
}

}  // namespace llmops::tensor::LLMOPS_ISA
