#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "plan/rules.h"

namespace llmops::plan {
namespace {

// A quotient that is whole but for rounding counts as whole: 3 epochs of 0.1 are not 4 rows.
std::int64_t round_up(double value, std::string_view key) {
  if (!(value < static_cast<double>(kOpenEnd))) {
    throw usage_error("{} gives more than {} sequences", key, kOpenEnd);
  }
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(value * (1 - 1e-12))));
}

// Sequences of the whole run; 0 when the recipe counts steps or only max_time ends it.
std::int64_t total_rows(const recipe::Train& train, double rows_per_epoch,
                        double tokens_per_epoch) {
  if (train.epochs) return round_up(*train.epochs * rows_per_epoch, "train.epochs");
  if (train.max_tokens) {
    // Packed documents leave rows partly empty; a stream fills all but the last of an epoch.
    const double tokens_per_row = tokens_per_epoch / rows_per_epoch;
    return round_up(static_cast<double>(*train.max_tokens) / tokens_per_row, "train.max_tokens");
  }
  return 0;
}

}  // namespace

void plan_horizon(const recipe::Recipe& recipe, std::int64_t rows_per_epoch,
                  std::int64_t tokens_per_epoch, Plan& plan) {
  const double rows = static_cast<double>(std::max<std::int64_t>(1, rows_per_epoch));
  const double tokens = static_cast<double>(std::max<std::int64_t>(1, tokens_per_epoch));
  plan.total_rows = total_rows(recipe.train, rows, tokens);
  plan.total_steps = plan.total_rows > 0
                         ? (plan.total_rows + plan.global_batch - 1) / plan.global_batch
                         : recipe.train.max_steps.value_or(kOpenEnd);
  const recipe::LrScheduler& schedule = recipe.lr_scheduler;
  if (schedule.warmup_steps) {
    plan.warmup_steps = *schedule.warmup_steps;
  } else if (schedule.warmup_ratio && *schedule.warmup_ratio > 0) {
    plan.warmup_steps = round_up(*schedule.warmup_ratio * static_cast<double>(plan.total_steps),
                                 "lr_scheduler.warmup_ratio");
  }
  if (const auto problem = recipe::schedule_problem(schedule, plan.total_steps)) {
    throw usage_error("{}", *problem).at("lr_scheduler");
  }
}

}  // namespace llmops::plan
