#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/trainer.h"
#include "tensor/train/guard.h"
#include "tensor/train/step.h"

namespace llmops::tensor {

// A saved step that evaluation found good.
struct BestStep {
  std::int64_t step = 0;
  double value = 0;
};

// Everything of a run besides tensors that a resume must know.
struct TrainState {
  std::int64_t step = 0;           // completed optimizer steps
  std::int64_t micro_batches = 0;  // read so far, skipped windows included: the data cursor
  std::int64_t tokens = 0;         // supervised tokens so far
  std::int64_t last_eval_step = -1, last_sample_step = -1, last_save_step = -1;
  std::int64_t evals_without_gain = 0;
  std::optional<double> best_value;
  std::vector<BestStep> best;  // saved checkpoints to keep, best first
  std::int64_t rollbacks = 0;
  double seconds = 0;  // of training, over all attempts

  Json to_json() const;
  static TrainState from_json(const Json& json);
};

// Writes OUTPUT/checkpoint-STEP: a Hugging Face folder plus state/. Returns the folder. Throws
// Error(kStorage) before writing when the disk is too small, Error(kDiverged) when a weight is not
// finite.
std::string save_checkpoint(const engine::TrainJob& job, const TrainState& state,
                            const LossGuard& guard, Weights& weights, TrainStep& step);
// Restores all of it. Throws Error(kDamaged).
void load_checkpoint(const std::string& folder, TrainState& state, LossGuard& guard,
                     Weights& weights, TrainStep& step);

// The files of a Hugging Face folder that are not weights.
struct FolderFile {
  std::string name, content;
};
std::vector<FolderFile> hf_folder_files(const arch::TransformerConfig& config,
                                        const text::Tokenizer& tokenizer);

}  // namespace llmops::tensor
