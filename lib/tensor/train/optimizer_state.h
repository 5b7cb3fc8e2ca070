#pragma once

#include <string>

#include "arch/parameters.h"
#include "tensor/train/step.h"

namespace llmops::tensor {

// The optimizer's tensors of a checkpoint, state/optimizer.safetensors: for each parameter of the
// layout m.NAME and v.NAME (float32, the parameter's shape), and `updates` (float64 [1]), the
// number of updates. By name and shape, so that the order in memory is free to change.

// Writes the file and returns its sha256.
std::string write_optimizer(const std::string& path, const arch::ParameterLayout& layout,
                            TrainStep& step);
// Throws Error(kDamaged) naming the tensor that is missing, unknown, or of another type or shape.
void read_optimizer(const std::string& path, const arch::ParameterLayout& layout, TrainStep& step);

}  // namespace llmops::tensor
