#pragma once

#include <cstdint>

#include "arch/parameters.h"
#include "arch/transformer_config.h"
#include "plan/plan.h"
#include "recipe/recipe.h"

// The rules a plan is made of. Each fills its members of the plan from the recipe and from members
// that an earlier rule filled: shape, precision, threading, horizon, memory.
namespace llmops::plan {

// A batch of this many tokens has no place in any machine; below it, bytes of all buffers of
// the largest config that arch::check lets pass still fit 63 bits.
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 26;

// Batch, recomputation and what counts the model. Throws Error(kUsage) when a micro batch has more
// tokens than any machine holds, so that no later product overflows.
void plan_shape(const recipe::Recipe& recipe, const arch::TransformerConfig& config, Plan& plan);
void plan_precision(const recipe::Recipe& recipe, const Machine& machine, Plan& plan);
void plan_threading(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
                    const Machine& machine, Plan& plan);
// Throws Error(kUsage) when the schedule does not fit into the steps.
void plan_horizon(const recipe::Recipe& recipe, std::int64_t rows_per_epoch,
                  std::int64_t tokens_per_epoch, Plan& plan);
void plan_memory(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
                 const Machine& machine, Plan& plan);
// Whether a parameter that does not train stays in bfloat16, as tensor/model/weights.h keeps it.
bool keeps_bf16(const arch::ParameterLayout& layout, std::size_t parameter,
                const std::vector<bool>& bf16_in_files);
void plan_disk(const recipe::Recipe& recipe, const arch::TransformerConfig& config, Plan& plan);

}  // namespace llmops::plan
