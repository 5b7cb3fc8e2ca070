#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <cmath>
#include <limits>

namespace llmops::tensor {

// max |a - b| / max |b|; not a number counts as infinite.
inline double difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.numel() == 0) return 0;
  const at::Tensor wide = b.to(at::kDouble);
  const double off = (a.to(at::kDouble) - wide).abs().max().item<double>();
  if (off == 0) return 0;
  const double relative = off / wide.abs().max().item<double>();
  return std::isnan(relative) ? std::numeric_limits<double>::infinity() : relative;
}

}  // namespace llmops::tensor
