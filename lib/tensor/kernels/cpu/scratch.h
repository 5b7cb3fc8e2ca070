#pragma once

#include <cstddef>

namespace llmops::tensor::cpu {

// Work space of kernels: buffers of the calling thread that grow to the largest use and stay. Two
// buffers in use at one time have different slots.
enum class Slot { kPackedA, kPackedB, kSums, kAttention, kPartials, kCount };

// At least `bytes`, 64-byte aligned, contents undefined; valid until the next call for this slot.
void* scratch(Slot slot, std::size_t bytes);

template <class T>
T* scratch_array(Slot slot, std::ptrdiff_t count) {
  return static_cast<T*>(scratch(slot, static_cast<std::size_t>(count) * sizeof(T)));
}

}  // namespace llmops::tensor::cpu
