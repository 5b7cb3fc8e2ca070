#pragma once

#include "tensor/kernels/cpu/raw.h"

namespace llmops::tensor::cpu {

// Each level has all of the one before. kAmx multiplies bfloat16 matrices by oneDNN, the rest as
// kAvx512Bf16.
enum class Isa { kGeneric, kAvx2, kAvx512, kAvx512Bf16, kAmx };

const char* name_of(Isa isa);  // "generic", "avx2", "avx512", "avx512_bf16", "amx"
Isa best_isa();                // of this processor
// The level in use: the best, or a lower one that LLMOPS_CPU names. Throws Error(kUsage) when it
// names none.
Isa isa();
// Replaces the choice, for tests. Not while a kernel runs.
void use_isa(Isa isa);

const RawKernels& raw_kernels(Isa isa);

}  // namespace llmops::tensor::cpu
