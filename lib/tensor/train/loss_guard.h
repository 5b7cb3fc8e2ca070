#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "checkpoint/train_state.h"
#include "recipe/sections.h"

namespace llmops::tensor {

// Watches the losses of the steps. Bad values never enter its window, so one NaN cannot blind it.
// The score is the robust z: (loss - median) / (1.4826 MAD), over the last `window` good steps,
// with a floor on the spread so that a flat window does not cry at noise.
class LossGuard {
 public:
  explicit LossGuard(const recipe::Guard& settings) : settings_(settings) {}

  enum class Verdict { kGood, kSpike, kNonFinite };
  struct Judgement {
    Verdict verdict = Verdict::kGood;
    double zscore = 0;  // 0 until the window has a quarter of its values
  };
  Judgement judge(double loss, double grad_norm);
  // Bad steps in a row have reached the patience.
  bool exhausted() const { return bad_in_a_row_ >= settings_.patience; }
  bool is_unstable() const { return bad_in_a_row_ > 0; }
  void forget_instability() { bad_in_a_row_ = 0; }

  checkpoint::GuardState state() const;
  void restore(const checkpoint::GuardState& state);

 private:
  std::optional<double> zscore(double loss) const;

  recipe::Guard settings_;
  std::deque<double> window_;
  std::int64_t bad_in_a_row_ = 0;
};

}  // namespace llmops::tensor
