#include "tensor/train/pace.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <algorithm>

#include "base/time.h"

namespace llmops::tensor {

void Pace::add(double seconds, std::int64_t tokens) {
  samples_.push_back({seconds, tokens});
  seconds_ += seconds;
  tokens_ += tokens;
  if (samples_.size() > kWindow) {
    seconds_ -= samples_.front().seconds;
    tokens_ -= samples_.front().tokens;
    samples_.pop_front();
  }
}

double Pace::tokens_per_second() const {
  return seconds_ > 0 ? static_cast<double>(tokens_) / seconds_ : 0;
}

double Pace::mfu() const {
  return peak_flops_ > 0 ? tokens_per_second() * flops_per_token_ / peak_flops_ : 0;
}

double Pace::eta_seconds(std::int64_t steps_left) const {
  if (samples_.empty()) return 0;
  return static_cast<double>(steps_left) * seconds_ / static_cast<double>(samples_.size());
}

double measure_matmul_flops(bool cuda, bool bf16) {
  const std::int64_t n = cuda ? 4096 : 512;
  const at::Tensor a = at::ones(
      {n, n},
      at::TensorOptions(cuda ? at::kCUDA : at::kCPU).dtype(bf16 ? at::kBFloat16 : at::kFloat));
  at::Tensor out = at::empty_like(a);
  double best = 1e30;
  for (int i = 0; i < 5; ++i) {
    const double start = monotonic_seconds();
    at::mm_out(out, a, a);
    if (cuda) at::accelerator::synchronizeDevice(0);
    best = std::min(best, monotonic_seconds() - start);
  }
  const double size = static_cast<double>(n);
  return 2 * size * size * size / best;
}

}  // namespace llmops::tensor
