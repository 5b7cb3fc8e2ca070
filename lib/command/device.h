#pragma once

#include <string>

namespace llmops::command {

// "cpu" or "cuda" for train.device and --device: auto takes CUDA when a device answers. Throws
// Error(kFailed) when cuda is wanted and there is none.
std::string resolve_device(const std::string& wanted);

}  // namespace llmops::command
