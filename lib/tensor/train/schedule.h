#pragma once

#include <cstdint>

#include "recipe/sections.h"

namespace llmops::tensor {

// The learning rate of optimizer step `step` (0-based) of `total`: a linear rise over
// `warmup_steps`, (step + 1) / (warmup + 1) of the peak as in nanoGPT, then the decay:
// constant; linear and cosine down to exactly min_lr_ratio of the peak at the last step; wsd:
// constant, then linear to it over the last decay_ratio of all steps. The first step after the
// warmup has the peak, so that a decay needs one more. A function of its arguments alone.
double learning_rate(const recipe::Optimizer& optimizer, const recipe::LrScheduler& scheduler,
                     std::int64_t step, std::int64_t warmup_steps, std::int64_t total);

}  // namespace llmops::tensor
