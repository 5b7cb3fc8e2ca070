#include "tensor/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace llmops::tensor {

namespace {

// 1 at the start of the decay, `floor` at its end.
double decay_factor(recipe::Decay shape, double floor, double progress) {
  if (shape == recipe::Decay::kConstant) return 1;
  if (shape == recipe::Decay::kCosine) {
    return floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  }
  return floor + (1 - floor) * (1 - progress);  // linear, wsd
}

}  // namespace

double learning_rate(const recipe::Optimizer& optimizer, const recipe::LrScheduler& scheduler,
                     std::int64_t step, std::int64_t warmup_steps, std::int64_t total) {
  if (step < warmup_steps) {
    return optimizer.learning_rate * static_cast<double>(step + 1) /
           static_cast<double>(warmup_steps + 1);
  }
  const double end = static_cast<double>(total - 1), rise = static_cast<double>(warmup_steps);
  const double decay = scheduler.decay_ratio * static_cast<double>(total);
  const double start = scheduler.name == recipe::Decay::kWsd ? std::max(rise, end - decay) : rise;
  const double span = end > start ? end - start : 1;
  const double progress = std::clamp((static_cast<double>(step) - start) / span, 0.0, 1.0);
  return optimizer.learning_rate * decay_factor(scheduler.name, scheduler.min_lr_ratio, progress);
}

}  // namespace llmops::tensor
