#pragma once

#include <cstdint>
#include <string>

#include "data/dataset.h"
#include "plan/plan.h"

namespace llmops::command {

// Writes the batches of the first `steps` optimizer steps, so that another trainer can be given the
// same data: little-endian "LLMBATCH", int32 version 1, steps, rows, length, then per step int32
// inputs [rows, length] and targets [rows, length] (-1: no loss).
void export_batches(const std::string& path, const data::Dataset& dataset, const plan::Plan& plan,
                    std::int64_t steps);

}  // namespace llmops::command
