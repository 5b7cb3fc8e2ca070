#include "tensor/train/loss_guard.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace llmops::tensor {

namespace {

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::optional<double> LossGuard::zscore(double loss) const {
  const auto needed = static_cast<std::size_t>(std::max<std::int64_t>(8, settings_.window / 4));
  if (window_.size() < needed) return std::nullopt;
  std::vector<double> values(window_.begin(), window_.end());
  const double center = median(values);
  for (double& value : values) value = std::abs(value - center);
  const double spread = 1.4826 * median(values);
  return (loss - center) / std::max(spread, 0.01 * std::abs(center) + 1e-6);
}

LossGuard::Judgement LossGuard::judge(double loss, double grad_norm) {
  if (!std::isfinite(loss) || !std::isfinite(grad_norm)) {
    ++bad_in_a_row_;
    return {Verdict::kNonFinite, 0};
  }
  const std::optional<double> score = zscore(loss);
  if (settings_.spike_zscore > 0 && score && *score > settings_.spike_zscore) {
    ++bad_in_a_row_;
    return {Verdict::kSpike, *score};
  }
  bad_in_a_row_ = 0;
  window_.push_back(loss);
  if (static_cast<std::int64_t>(window_.size()) > settings_.window) window_.pop_front();
  return {Verdict::kGood, score.value_or(0)};
}

checkpoint::GuardState LossGuard::state() const {
  return {{window_.begin(), window_.end()}, bad_in_a_row_};
}

void LossGuard::restore(const checkpoint::GuardState& state) {
  window_.assign(state.window.begin(), state.window.end());
  bad_in_a_row_ = state.bad_in_a_row;
}

}  // namespace llmops::tensor
