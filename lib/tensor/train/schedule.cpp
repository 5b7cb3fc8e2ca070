#include "tensor/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace llmops::tensor {

namespace {

// 1 at the start of the decay, `floor` at its end.
double decay_factor(const recipe::LrScheduler& scheduler, double progress) {
  const double floor = scheduler.min_lr_ratio;
  if (scheduler.name == "cosine") {
    return floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  }
  if (scheduler.name == "linear") return 1 - (1 - floor) * progress;
  if (scheduler.name == "wsd") {
    const double start = 1 - scheduler.decay_ratio;
    if (progress <= start) return 1;
    return 1 - (1 - floor) * (progress - start) / scheduler.decay_ratio;
  }
  return 1;  // constant
}

}  // namespace

double learning_rate(const recipe::Optimizer& optimizer, const recipe::LrScheduler& scheduler,
                     std::int64_t step, std::int64_t warmup_steps, std::int64_t total) {
  if (step < warmup_steps) {
    return optimizer.learning_rate * static_cast<double>(step + 1) /
           static_cast<double>(warmup_steps + 1);
  }
  const double span = static_cast<double>(std::max<std::int64_t>(1, total - warmup_steps));
  const double progress = std::clamp(static_cast<double>(step - warmup_steps) / span, 0.0, 1.0);
  return optimizer.learning_rate * decay_factor(scheduler, progress);
}

}  // namespace llmops::tensor
