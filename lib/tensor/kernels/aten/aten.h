#pragma once

#include "tensor/kernels/kernels.h"

// The ATen compositions behind aten_kernels(); kernels.h says what each promises. They run on any
// device without waiting for it, and are written to be read: speed comes from the other tables.
namespace llmops::tensor::aten {

LLMOPS_KERNELS(LLMOPS_DECLARE_KERNEL)

// 1 or 0 scaled by 1 / (1 - p), float [rows, columns], on the device of `like`.
Tensor dropout_scales(const DropoutKey& key, std::int64_t rows, std::int64_t columns,
                      const Tensor& like);

}  // namespace llmops::tensor::aten
