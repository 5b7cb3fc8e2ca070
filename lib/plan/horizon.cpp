#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "plan/rules.h"

namespace llmops::plan {
namespace {

// A quotient that is whole but for rounding counts as whole: 3 epochs of 0.1 are not 4 steps.
std::int64_t round_up(double value, std::string_view key) {
  if (!(value < static_cast<double>(kOpenEnd))) {
    throw usage_error("{} gives more than {} steps", key, kOpenEnd);
  }
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(value * (1 - 1e-12))));
}

// Tokens of a step that have a loss. Packed documents leave rows partly empty; a stream fills them.
// The last batch of an epoch may be short of rows, so the epoch has at least this many of them.
double supervised_tokens(std::int64_t batches, std::int64_t tokens, const Plan& plan) {
  const double rows = static_cast<double>((batches - 1) * plan.micro_batch + 1);
  const double per_row =
      std::min(static_cast<double>(plan.length), static_cast<double>(tokens) / rows);
  return per_row * static_cast<double>(plan.micro_batch * plan.accumulation);
}

std::int64_t total_steps(const recipe::Train& train, std::int64_t batches, std::int64_t tokens,
                         const Plan& plan) {
  if (train.max_steps) return *train.max_steps;
  if (train.epochs) {
    return round_up(
        *train.epochs * static_cast<double>(batches) / static_cast<double>(plan.accumulation),
        "train.epochs");
  }
  if (train.max_tokens) {
    return round_up(
        static_cast<double>(*train.max_tokens) / supervised_tokens(batches, tokens, plan),
        "train.max_tokens");
  }
  return kOpenEnd;
}

}  // namespace

void plan_horizon(const recipe::Recipe& recipe, std::int64_t batches_per_epoch,
                  std::int64_t tokens_per_epoch, Plan& plan) {
  const std::int64_t batches = std::max<std::int64_t>(1, batches_per_epoch);
  const std::int64_t tokens = std::max<std::int64_t>(1, tokens_per_epoch);
  plan.total_steps = total_steps(recipe.train, batches, tokens, plan);
  const recipe::LrScheduler& schedule = recipe.lr_scheduler;
  if (schedule.warmup_steps) {
    plan.warmup_steps = *schedule.warmup_steps;
  } else if (schedule.warmup_ratio && *schedule.warmup_ratio > 0) {
    plan.warmup_steps = round_up(*schedule.warmup_ratio * static_cast<double>(plan.total_steps),
                                 "lr_scheduler.warmup_ratio");
  }
}

}  // namespace llmops::plan
