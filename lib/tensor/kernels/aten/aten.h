#pragma once

#include "tensor/kernels/kernels.h"

// The operations of aten_kernels(), composed of ATen's; kernels.h has their contracts. They run on
// any device without waiting for it, by ATen's fused kernels where there is one.
namespace llmops::tensor::aten {

LLMOPS_KERNELS(LLMOPS_DECLARE_KERNEL)

// 1 or 0 scaled by 1 / (1 - p), float [rows, columns], on the device of `like`.
Tensor dropout_scales(const DropoutKey& key, std::int64_t rows, std::int64_t columns,
                      const Tensor& like);

}  // namespace llmops::tensor::aten
