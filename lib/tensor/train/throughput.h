#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <deque>

#include "plan/plan.h"

namespace llmops::tensor {

// How fast the run goes: rates over the recent steps, and what is left.
class Throughput {
 public:
  // peak_flops: measured rate of matrix products on this device, for MFU; 0 = unknown. Raised to
  // the rate of a step that exceeds it.
  Throughput(double flops_per_token, double peak_flops)
      : flops_per_token_(flops_per_token), peak_flops_(peak_flops) {}

  void add(double seconds, std::int64_t tokens);
  double tokens_per_second() const;
  // Share of the measured matrix-product rate, at most 1: 6 N + 12 L H D T per token (PaLM,
  // appendix B).
  double mfu() const;
  double eta_seconds(std::int64_t steps_left) const;

 private:
  struct Sample {
    double seconds;
    std::int64_t tokens;
  };
  static constexpr std::size_t kWindow = 50;
  double flops_per_token_, peak_flops_;
  std::deque<Sample> samples_;
  double seconds_ = 0;
  std::int64_t tokens_ = 0;
};

// Floating-point operations per second of a square matrix product on the device, the best of many.
double measure_matmul_flops(const at::Device& device, bool bf16);

}  // namespace llmops::tensor
