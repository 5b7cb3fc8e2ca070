#pragma once

#include <string>
#include <vector>

#include "arch/transformer_config.h"

namespace llmops::arch {

// What does not fit in a config, one sentence each; empty when it is sound. check() throws them as
// a user's error, the reader of config.json as a damaged file.
std::vector<std::string> problems_of(const TransformerConfig& config);

}  // namespace llmops::arch
