#pragma once

#include <string_view>

// Names of the series that a training run records.
namespace llmops::recipe {

inline constexpr std::string_view kTrainLoss = "train/loss", kEvalLoss = "eval/loss";

// The series of a step, in the order in which they are recorded. engine/step_metrics.h has their
// values.
inline constexpr std::string_view kStepSeries[] = {kTrainLoss, "grad_norm",    "learning_rate",
                                                   "epoch",    "train/tokens", "tokens_per_second",
                                                   "mfu",      "step_seconds"};

// What views of runs show where nothing else is asked for.
inline constexpr std::string_view kShownSeries[] = {kTrainLoss, kEvalLoss};

}  // namespace llmops::recipe
