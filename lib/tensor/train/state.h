#pragma once

#include <string>
#include <vector>

#include "checkpoint/train_state.h"
#include "engine/trainer.h"
#include "tensor/train/step.h"

namespace llmops::tensor {

// Writes OUTPUT/checkpoint-STEP: a Hugging Face folder plus state/. Returns the folder. Throws
// Error(kStorage) before writing when the disk is too small, Error(kDiverged) when a weight is not
// finite.
std::string save_checkpoint(const engine::TrainJob& job, const checkpoint::TrainState& state,
                            Weights& weights, TrainStep& step);
// Restores weights, optimizer and average, and returns the rest. Throws Error(kDamaged) that names
// the tensor that is missing, unknown or of another shape.
checkpoint::TrainState load_checkpoint(const std::string& folder, Weights& weights,
                                       TrainStep& step);

// The files of a Hugging Face folder that are not weights.
struct FolderFile {
  std::string name, content;
};
std::vector<FolderFile> hf_folder_files(const arch::TransformerConfig& config,
                                        const tokenizer::Tokenizer& tokenizer);

}  // namespace llmops::tensor
