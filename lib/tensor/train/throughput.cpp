#include "tensor/train/throughput.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <algorithm>

#include "base/time.h"
#include "tensor/kernels/kernels.h"

namespace llmops::tensor {

void Throughput::add(double seconds, std::int64_t tokens) {
  samples_.push_back({seconds, tokens});
  seconds_ += seconds;
  tokens_ += tokens;
  if (samples_.size() > kWindow) {
    seconds_ -= samples_.front().seconds;
    tokens_ -= samples_.front().tokens;
    samples_.pop_front();
  }
  // A step cannot exceed the peak: the measurement of the peak was disturbed.
  if (peak_flops_ > 0) peak_flops_ = std::max(peak_flops_, tokens_per_second() * flops_per_token_);
}

double Throughput::tokens_per_second() const {
  return seconds_ > 0 ? static_cast<double>(tokens_) / seconds_ : 0;
}

double Throughput::mfu() const {
  return peak_flops_ > 0 ? tokens_per_second() * flops_per_token_ / peak_flops_ : 0;
}

double Throughput::eta_seconds(std::int64_t steps_left) const {
  if (samples_.empty()) return 0;
  return static_cast<double>(steps_left) * seconds_ / static_cast<double>(samples_.size());
}

double measure_matmul_flops(const at::Device& device, bool bf16) {
  // Small enough to stay in the caches of a CPU, as the products of a small model do, and long
  // enough that threads and clock are at speed for most of the time.
  constexpr double kSeconds = 0.02;
  const std::int64_t n = device.is_cuda() ? 4096 : 768;
  const auto options = at::TensorOptions(device).dtype(bf16 ? at::kBFloat16 : at::kFloat);
  const at::Tensor a = at::ones({n, n}, options);
  at::Tensor out = at::empty_like(a);
  const Kernels& kernels = kernels_for(device);
  const auto best_of = [&](const auto& multiply) {
    double best = 1e30, start = monotonic_seconds();
    const double end = start + kSeconds;
    for (int i = 0; i < 3 || start < end; ++i) {
      multiply();
      if (device.is_cuda()) at::accelerator::synchronizeDevice(0);
      const double now = monotonic_seconds();
      best = std::min(best, now - start);
      start = now;
    }
    return best;
  };
  // The faster of ours and the library's: which one wins depends on the processor.
  const double seconds = std::min(best_of([&] { kernels.linear(a, a, {}, out); }),
                                  best_of([&] { at::mm_out(out, a, a); }));
  const double size = static_cast<double>(n);
  return 2 * size * size * size / seconds;
}

}  // namespace llmops::tensor
