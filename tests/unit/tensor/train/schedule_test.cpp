#include "tensor/train/schedule.h"

#include <string>

#include "base/json.h"
#include "tests/catch.h"

namespace llmops::tensor {

namespace {

double rate(const char* name, std::int64_t step) {
  recipe::Optimizer optimizer;
  optimizer.learning_rate = 1e-3;
  recipe::LrScheduler scheduler;
  scheduler.name = find_enum<recipe::Decay>(name).value();
  return learning_rate(optimizer, scheduler, step, 10, 111);
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
  CHECK(rate("constant", 110) == Approx(1e-3));
  CHECK(rate("linear", 60) == Approx(1e-3 * 0.55));
  CHECK(rate("cosine", 60) == Approx(1e-3 * 0.55));
  CHECK(rate("cosine", 35) == Approx(1e-4 + 9e-4 * 0.5 * (1 + 0.70710678)));
  CHECK(rate("cosine", 500) == Approx(1e-4));
  CHECK(rate("wsd", 87) == Approx(1e-3));  // the last fifth of all 111 steps is 22.2
  CHECK(rate("wsd", 99) == Approx(1e-3 * (1 - 0.9 * 11.2 / 22.2)));
}

TEST_CASE("the last step has exactly the final rate") {
  for (const char* name : {"linear", "cosine", "wsd"}) CHECK(rate(name, 110) == 1e-3 * 0.1);
}

// Transformers reaches the floor one step after the last, so its schedule of N steps is ours of
// N + 1. From the end of the warmup on: transformers starts it at 0, and we at the first rate
// above.
TEST_CASE("decays equal those of transformers' schedules") {
  const Json golden = load_json(std::string(LLMOPS_GOLDEN_DIR) + "/schedules.json");
  for (const Json& entry : golden.at("cases").as_array()) {
    recipe::Optimizer optimizer;
    optimizer.learning_rate = 1;
    recipe::LrScheduler scheduler;
    scheduler.name = find_enum<recipe::Decay>(entry.at("name").as_string()).value();
    scheduler.min_lr_ratio = entry.at("min_lr_ratio").as_double();
    const std::int64_t total = golden.at("total").as_int() + 1;
    // The same number of steps as a share of one more.
    scheduler.decay_ratio = golden.at("decay_ratio").as_double() * static_cast<double>(total - 1) /
                            static_cast<double>(total);
    for (std::size_t i = 0; i < golden.at("steps").size(); ++i) {
      const std::int64_t step = golden.at("steps").as_array()[i].as_int();
      CAPTURE(enum_name(scheduler.name), scheduler.min_lr_ratio, step);
      const double got =
          learning_rate(optimizer, scheduler, step, golden.at("warmup").as_int(), total);
      CHECK(got == Approx(entry.at("rates").as_array()[i].as_double()).epsilon(1e-12));
    }
  }
}

TEST_CASE("a decay that begins within the warmup follows the warmup") {
  recipe::Optimizer optimizer;
  optimizer.learning_rate = 1;
  recipe::LrScheduler scheduler;
  scheduler.name = recipe::Decay::kWsd;
  scheduler.min_lr_ratio = 0;
  scheduler.decay_ratio = 1;
  CHECK(learning_rate(optimizer, scheduler, 10, 10, 111) == Approx(1));
  CHECK(learning_rate(optimizer, scheduler, 60, 10, 111) == Approx(0.5));
  scheduler.decay_ratio = 0;
  CHECK(learning_rate(optimizer, scheduler, 110, 10, 111) == Approx(1));
}

}  // namespace llmops::tensor
