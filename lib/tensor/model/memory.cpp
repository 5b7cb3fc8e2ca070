#include "tensor/model/memory.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace llmops::tensor {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

at::Tensor resident_zeros(std::int64_t size, const at::TensorOptions& options) {
  std::size_t bytes = static_cast<std::size_t>(size) * options.dtype().itemsize();
  if (!options.device().is_cpu() || bytes < kHugePage) return at::zeros({size}, options);
  bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = nullptr;
  if (posix_memalign(&memory, kHugePage, bytes) != 0) throw std::bad_alloc();
  (void)madvise(memory, bytes, MADV_HUGEPAGE);  // advice: small pages do as well
  std::memset(memory, 0, bytes);
  return at::from_blob(
      memory, {size}, [](void* p) { std::free(p); }, options);
}

}  // namespace llmops::tensor
