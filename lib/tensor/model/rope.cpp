#include "tensor/model/rope.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <cmath>

namespace llmops::tensor {

RopeTable::RopeTable(const arch::TransformerConfig& config, const at::Device& device)
    : theta_(config.rope_theta), head_dim_(config.head_dim), device_(device) {}

void RopeTable::grow(std::int64_t positions) {
  if (cos_.defined() && cos_.size(0) >= positions) return;
  const std::int64_t half = head_dim_ / 2;
  at::Tensor cos = at::empty({positions, half}, at::kFloat), sin = at::empty_like(cos);
  float* c = cos.data_ptr<float>();
  float* s = sin.data_ptr<float>();
  for (std::int64_t i = 0; i < half; ++i) {
    const double frequency =
        std::pow(theta_, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim_));
    for (std::int64_t p = 0; p < positions; ++p) {
      const double angle = static_cast<double>(p) * frequency;
      c[p * half + i] = static_cast<float>(std::cos(angle));
      s[p * half + i] = static_cast<float>(std::sin(angle));
    }
  }
  cos_ = cos.to(device_);
  sin_ = sin.to(device_);
}

}  // namespace llmops::tensor
