#pragma once

#include <ATen/core/Tensor.h>

#include "base/error.h"
#include "tensor/kernels/cpu/isa.h"

// From tensors to the pointers of raw.h. A wrong type or layout is a bug of the caller.
namespace llmops::tensor::cpu {

template <class T>
T* pointer(const at::Tensor& x, at::ScalarType type) {
  LLMOPS_CHECK(x.defined() && x.scalar_type() == type && x.is_contiguous() && x.is_cpu());
  return static_cast<T*>(x.mutable_data_ptr());
}

inline float* floats(const at::Tensor& x) {
  return pointer<float>(x, at::kFloat);
}
inline float* floats_or_null(const at::Tensor& x) {
  return x.defined() ? floats(x) : nullptr;
}
inline double* doubles(const at::Tensor& x) {
  return pointer<double>(x, at::kDouble);
}
inline const std::int32_t* ints(const at::Tensor& x) {
  return pointer<std::int32_t>(x, at::kInt);
}

inline Act act(const at::Tensor& x) {
  const bool bf16 = x.defined() && x.scalar_type() == at::kBFloat16;
  return {pointer<void>(x, bf16 ? at::kBFloat16 : at::kFloat), bf16};
}
inline Act act_or_null(const at::Tensor& x) {
  return x.defined() ? act(x) : Act{};
}

inline std::uint16_t* bfloat16s(const at::Tensor& x) {
  return pointer<std::uint16_t>(x, at::kBFloat16);
}

inline const RawKernels& raw() {
  return raw_kernels(isa());
}

}  // namespace llmops::tensor::cpu
