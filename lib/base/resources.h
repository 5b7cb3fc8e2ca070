#pragma once

#include <cstdint>

// Memory, processor cores and instructions: the machine's, and this process's share of them.
namespace llmops {

struct MemoryStatus {
  std::uint64_t total_bytes = 0;      // the smaller of the machine's and the cgroup's limit
  std::uint64_t available_bytes = 0;  // MemAvailable, bounded by what the cgroup has left
};
MemoryStatus memory_status();
std::uint64_t resident_anonymous_bytes();  // RssAnon of this process
std::uint64_t peak_resident_bytes();       // VmHWM
int available_cores();                     // affinity mask and cgroup quota, at least 1

// Whether the processor multiplies bfloat16 in hardware, by cpuid.
bool cpu_has_amx();          // AMX-BF16
bool cpu_has_avx512_bf16();  // AVX512-BF16
bool cpu_has_bf16();         // one of them

}  // namespace llmops
