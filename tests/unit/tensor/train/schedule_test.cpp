#include "tensor/train/schedule.h"

#include "tests/catch.h"

namespace llmops::tensor {

namespace {

double rate(const char* name, std::int64_t step) {
  recipe::Optimizer optimizer;
  optimizer.learning_rate = 1e-3;
  recipe::LrScheduler scheduler;
  scheduler.name = name;
  return learning_rate(optimizer, scheduler, step, 10, 110);
}

}  // namespace

TEST_CASE("every schedule rises linearly over the warmup") {
  for (const char* name : {"constant", "linear", "cosine", "wsd"}) {
    CHECK(rate(name, 0) == Approx(1e-3 / 11));
    CHECK(rate(name, 9) == Approx(1e-3 * 10 / 11));
    CHECK(rate(name, 10) == Approx(1e-3));
  }
}

TEST_CASE("decays have their shape and end at the floor") {
  CHECK(rate("constant", 109) == Approx(1e-3));
  CHECK(rate("linear", 60) == Approx(1e-3 * 0.55));
  CHECK(rate("linear", 110) == Approx(1e-4));
  CHECK(rate("cosine", 60) == Approx(1e-3 * 0.55));
  CHECK(rate("cosine", 35) == Approx(1e-4 + 9e-4 * 0.5 * (1 + 0.70710678)));
  CHECK(rate("cosine", 500) == Approx(1e-4));
  CHECK(rate("wsd", 89) == Approx(1e-3));
  CHECK(rate("wsd", 100) == Approx(1e-3 * 0.55));
  CHECK(rate("wsd", 110) == Approx(1e-4));
}

}  // namespace llmops::tensor
