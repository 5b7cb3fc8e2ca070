#pragma once

#include "tensor/kernels/kernels.h"

// The functions of cpu_kernels(): they check the tensors and call the raw kernels of isa().
namespace llmops::tensor::cpu {

LLMOPS_KERNELS(LLMOPS_DECLARE_KERNEL)

}  // namespace llmops::tensor::cpu
