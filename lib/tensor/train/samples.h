#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "engine/model.h"
#include "engine/trainer.h"

namespace llmops::tensor {

// Generates the recipe's samples and hands them to the host. They are only shown: a
// sample that fails is reported, and the run continues. False when a stop was requested meanwhile.
bool write_samples(const engine::TrainJob& job,
                   const std::function<std::unique_ptr<engine::Model>()>& make_model,
                   std::int64_t step, engine::TrainHost& host);

}  // namespace llmops::tensor
