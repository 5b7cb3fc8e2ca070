#include "tensor/train/best.h"

#include <algorithm>
#include <cmath>

namespace llmops::tensor {

bool judge_evaluation(const recipe::Recipe& recipe, const engine::EvalVerdict& verdict,
                      checkpoint::TrainState& state) {
  using checkpoint::BestStep;
  const recipe::Checkpoint& policy = recipe.checkpoint;
  const auto metric = std::find_if(verdict.metrics.begin(), verdict.metrics.end(),
                                   [&](const auto& entry) { return entry.first == policy.metric; });
  if (metric == verdict.metrics.end() || !std::isfinite(metric->second)) return true;
  const double value = metric->second;
  const bool gain =
      !state.best_value || value < *state.best_value - recipe.eval.early_stopping_min_delta;
  state.evals_without_gain = gain ? 0 : state.evals_without_gain + 1;
  if (gain) state.best_value = value;
  if (policy.keep_best > 0 && state.step > 0) {
    state.best.push_back({state.step, value});
    std::stable_sort(state.best.begin(), state.best.end(),
                     [](const BestStep& a, const BestStep& b) { return a.value < b.value; });
    if (static_cast<std::int64_t>(state.best.size()) > policy.keep_best) state.best.pop_back();
  }
  const std::int64_t patience = recipe.eval.early_stopping_patience;
  return patience == 0 || state.evals_without_gain < patience;
}

}  // namespace llmops::tensor
