#include "tensor/train/loss_guard.h"

#include <cmath>
#include <limits>

#include "tests/catch.h"

namespace llmops::tensor {

namespace {

using Verdict = LossGuard::Verdict;

// 64 losses around 2 with a spread of about 0.05.
void fill(LossGuard& guard) {
  for (int i = 0; i < 64; ++i) guard.judge(2.0 + 0.05 * std::sin(i), 1.0);
}

}  // namespace

TEST_CASE("no loss is a spike before a quarter of the window is there") {
  LossGuard guard({});
  for (int i = 0; i < 10; ++i) CHECK(guard.judge(i % 2 ? 100 : 1, 1).verdict == Verdict::kGood);
}

TEST_CASE("a spike is told from noise by the robust score") {
  LossGuard guard({});
  fill(guard);
  CHECK(guard.judge(2.1, 1).verdict == Verdict::kGood);
  const auto spike = guard.judge(4.0, 1);
  CHECK(spike.verdict == Verdict::kSpike);
  CHECK(spike.zscore > 8);
  CHECK(guard.judge(1.0, 1).verdict == Verdict::kGood);  // falling fast is no trouble
}

TEST_CASE("values that are not finite never enter the window") {
  LossGuard guard({});
  fill(guard);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(guard.judge(nan, 1).verdict == Verdict::kNonFinite);
  CHECK(guard.judge(2, infinity).verdict == Verdict::kNonFinite);
  CHECK(guard.judge(2.0, 1).verdict == Verdict::kGood);
  CHECK(guard.judge(4.0, 1).verdict == Verdict::kSpike);
}

TEST_CASE("patience counts bad steps in a row and a good one starts over") {
  recipe::Guard settings;
  settings.patience = 2;
  LossGuard guard(settings);
  fill(guard);
  guard.judge(9, 1);
  CHECK_FALSE(guard.exhausted());
  guard.judge(2, 1);
  guard.judge(9, 1);
  CHECK_FALSE(guard.exhausted());
  guard.judge(9, 1);
  CHECK(guard.exhausted());
}

TEST_CASE("a guard goes on from its stored state") {
  LossGuard guard({}), restored({});
  fill(guard);
  restored.restore(guard.state());
  CHECK(restored.judge(3.3, 1).zscore == guard.judge(3.3, 1).zscore);
}

}  // namespace llmops::tensor
