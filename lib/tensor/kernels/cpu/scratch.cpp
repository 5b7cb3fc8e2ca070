#include "tensor/kernels/cpu/scratch.h"

#include <array>
#include <cstdlib>
#include <new>

namespace llmops::tensor::cpu {
namespace {

struct Buffer {
  void* data = nullptr;
  std::size_t size = 0;

  ~Buffer() { std::free(data); }
};

thread_local std::array<Buffer, static_cast<std::size_t>(Slot::kCount)> buffers;

}  // namespace

void* scratch(Slot slot, std::size_t bytes) {
  Buffer& buffer = buffers[static_cast<std::size_t>(slot)];
  if (buffer.size < bytes) {
    std::free(buffer.data);
    buffer.size = 0;
    const std::size_t size = (bytes + 4095) / 4096 * 4096;
    buffer.data = std::aligned_alloc(4096, size);
    if (!buffer.data) throw std::bad_alloc();
    buffer.size = size;
  }
  return buffer.data;
}

}  // namespace llmops::tensor::cpu
