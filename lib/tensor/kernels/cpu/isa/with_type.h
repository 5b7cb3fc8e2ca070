#pragma once

#include "tensor/kernels/cpu/isa/vec.h"
#include "tensor/kernels/cpu/raw.h"

namespace llmops::tensor::LLMOPS_ISA {

// f(pointer) with the pointer's element type that of the activations.
template <class F>
inline void with_type(const cpu::Act& act, const F& f) {
  if (act.bf16) {
    f(static_cast<BFloat16*>(act.data));
  } else {
    f(static_cast<float*>(act.data));
  }
}

}  // namespace llmops::tensor::LLMOPS_ISA
