#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "base/json.h"
#include "engine/trainer.h"
#include "recipe/metrics.h"

namespace llmops::engine {

// A value that is recorded of each step: its series and its member of the report.
struct StepMetric {
  constexpr StepMetric(std::string_view name, double StepReport::*member)
      : series(name), number(member) {}
  constexpr StepMetric(std::string_view name, std::int64_t StepReport::*member)
      : series(name), count(member) {}

  std::string_view series;                    // in the store: "train/loss"
  double StepReport::*number = nullptr;       // one of the two
  std::int64_t StepReport::*count = nullptr;  // printed without a fraction

  // Returns the key in a line of --progress json: the last part of the series, "loss".
  constexpr std::string_view key() const { return series.substr(series.rfind('/') + 1); }
  double value(const StepReport& report) const {
    return number != nullptr ? report.*number : static_cast<double>(report.*count);
  }
  Json json(const StepReport& report) const {
    return number != nullptr ? Json(report.*number) : Json(report.*count);
  }
};

// To add a metric: its line here, and its name in recipe/metrics.h.
inline constexpr StepMetric kStepMetrics[] = {
    {"train/loss", &StepReport::loss},
    {"grad_norm", &StepReport::grad_norm},
    {"learning_rate", &StepReport::learning_rate},
    {"epoch", &StepReport::epoch},
    {"train/tokens", &StepReport::total_tokens},
    {"tokens_per_second", &StepReport::tokens_per_second},
    {"mfu", &StepReport::mfu},
    {"step_seconds", &StepReport::seconds},
};
static_assert(std::equal(std::begin(kStepMetrics), std::end(kStepMetrics),
                         std::begin(recipe::kStepSeries), std::end(recipe::kStepSeries),
                         [](const StepMetric& metric, std::string_view name) {
                           return metric.series == name;
                         }),
              "the names of recipe/metrics.h in their order");

}  // namespace llmops::engine
