#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace llmops::checkpoint {

// A saved step that evaluation found good.
struct BestStep {
  std::int64_t step = 0;
  double value = 0;
};

// What the loss guard has seen (tensor/train/loss_guard.h).
struct GuardState {
  std::vector<double> window;  // losses of the recent good steps, oldest first
  std::int64_t bad_in_a_row = 0;
};

// Everything of a run besides tensors that a resume must know: the file state/trainer.json.
struct TrainState {
  std::int64_t step = 0;  // completed optimizer steps
  // The data cursor: sequences read so far, numbered over all epochs; those of windows that a
  // rollback skipped are counted in both.
  std::int64_t rows = 0, skipped_rows = 0;
  std::int64_t tokens = 0;  // supervised tokens so far
  std::int64_t last_eval_step = -1, last_sample_step = -1, last_save_step = -1;
  std::int64_t good_step = -1;  // of the newest checkpoint that a rollback may return to
  std::int64_t evals_without_gain = 0;
  std::optional<double> best_value;
  std::vector<BestStep> best;  // saved checkpoints to keep, best first
  std::int64_t rollbacks = 0;
  double seconds = 0;  // of training, over all attempts
  GuardState guard;

  std::int64_t trained_rows() const { return rows - skipped_rows; }

  Json to_json() const;
  // Throws Error(kDamaged) that names the key for values that no run writes, and for a file of
  // another format.
  static TrainState from_json(const Json& json);
};

// Of a checkpoint folder. Throws Error(kDamaged) with the file as the place.
TrainState read_train_state(const std::string& folder);

}  // namespace llmops::checkpoint
