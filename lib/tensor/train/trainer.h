#pragma once

#include <memory>

#include "engine/trainer.h"

namespace llmops::tensor {

// The one training loop. Throws Error(kOutOfMemory) before the first step when a buffer cannot be
// had.
std::unique_ptr<engine::Trainer> make_trainer(engine::TrainJob job);

}  // namespace llmops::tensor
