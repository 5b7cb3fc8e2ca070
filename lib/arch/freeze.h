#pragma once

#include <string>
#include <vector>

#include "arch/parameters.h"

namespace llmops::arch {

// Returns the layout of a model with frozen tensors: those whose Hugging Face name
// ("transformer.h.0.mlp.c_fc.weight") matches one of the patterns. `*`, `?` and `[…]` are as in a
// shell, and `*` matches dots too. Throws Error(kUsage) for a pattern that matches no tensor, for a
// choice that freezes only a part of a fused matrix (q, k and v are one, gate and up are one), and
// when nothing is left to train.
ParameterLayout frozen_layout(const TransformerConfig& config,
                              const std::vector<std::string>& patterns);

}  // namespace llmops::arch
