#pragma once

#include <cstdlib>

#include "tensor/kernels/cpu/isa.h"
#include "tensor/kernels/kernels.h"
#include "tests/catch.h"

namespace llmops::tensor {

// Runs work(kernels) with the CPU table at each instruction-set level of this processor, then with
// the ATen table, each of them also what kernels_for() gives.
template <typename Work>
void with_each_table(const Work& work) {
  struct Restore {
    cpu::Isa level = cpu::isa();
    ~Restore() {
      cpu::use_isa(level);
      ::unsetenv("LLMOPS_KERNELS");
    }
  } restore;
  for (int level = 0; level <= static_cast<int>(cpu::best_isa()); ++level) {
    cpu::use_isa(static_cast<cpu::Isa>(level));
    INFO("cpu kernels, " << cpu_isa());
    work(cpu_kernels());
  }
  INFO("ATen compositions");
  ::setenv("LLMOPS_KERNELS", "aten", 1);
  work(aten_kernels());
}

}  // namespace llmops::tensor
