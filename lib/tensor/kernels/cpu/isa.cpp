#include "tensor/kernels/cpu/isa.h"

#include <ATen/cpu/Utils.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "base/resources.h"

namespace llmops::tensor {

namespace generic {
const cpu::RawKernels& raw_kernels();
}
namespace avx2 {
const cpu::RawKernels& raw_kernels();
}
namespace avx512 {
const cpu::RawKernels& raw_kernels();
}
namespace avx512_bf16 {
void gemm(const cpu::GemmCall& call);
}

namespace cpu {
namespace {

constexpr std::array kLevels = {Isa::kGeneric, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16,
                                Isa::kAmx};

Isa choose() {
  const char* wanted = std::getenv("LLMOPS_CPU");
  if (!wanted) return best_isa();
  for (const Isa level : kLevels) {
    if (std::string_view(wanted) == name_of(level)) return std::min(level, best_isa());
  }
  throw usage_error("LLMOPS_CPU={}: unknown; use generic, avx2, avx512, avx512_bf16 or amx",
                    wanted);
}

std::atomic<int> chosen{-1};

}  // namespace

const char* name_of(Isa isa) {
  static constexpr std::array kNames = {"generic", "avx2", "avx512", "avx512_bf16", "amx"};
  return kNames[static_cast<std::size_t>(isa)];
}

Isa best_isa() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::kGeneric;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return Isa::kAvx2;
  }
  if (!cpu_has_avx512_bf16()) return Isa::kAvx512;
  return at::cpu::init_amx() ? Isa::kAmx : Isa::kAvx512Bf16;
}

Isa isa() {
  int level = chosen.load(std::memory_order_relaxed);
  if (level < 0) {
    level = static_cast<int>(choose());
    chosen.store(level, std::memory_order_relaxed);
  }
  return static_cast<Isa>(level);
}

void use_isa(Isa isa) {
  chosen.store(static_cast<int>(isa), std::memory_order_relaxed);
}

const RawKernels& raw_kernels(Isa isa) {
  switch (isa) {
    case Isa::kGeneric:
      return generic::raw_kernels();
    case Isa::kAvx2:
      return avx2::raw_kernels();
    case Isa::kAvx512:
      return avx512::raw_kernels();
    case Isa::kAvx512Bf16:
    case Isa::kAmx:
      break;
  }
  static const RawKernels with_pairs = [] {
    RawKernels table = avx512::raw_kernels();
    table.gemm = avx512_bf16::gemm;
    return table;
  }();
  return with_pairs;
}

}  // namespace cpu

const char* cpu_isa() {
  return cpu::name_of(cpu::isa());
}

}  // namespace llmops::tensor
