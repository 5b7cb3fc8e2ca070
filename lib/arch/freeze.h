#pragma once

#include <string>
#include <vector>

#include "arch/parameters.h"

namespace llmops::arch {

// The layout of a model of which some tensors stay as they are: those whose Hugging Face name
// ("transformer.h.0.mlp.c_fc.weight") matches one of the patterns, in which `*`, `?` and `[…]` are
// those of a shell and `*` matches dots too. Throws Error(kUsage) for a pattern that matches no
// tensor, for a choice that leaves a part of one of our matrices to train (q, k and v are one, gate
// and up are one), and when nothing is left.
ParameterLayout frozen_layout(const TransformerConfig& config,
                              const std::vector<std::string>& patterns);

}  // namespace llmops::arch
