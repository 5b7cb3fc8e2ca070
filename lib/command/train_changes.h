#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "command/train_setup.h"
#include "config/identity.h"

namespace llmops::command {

// What differs in identity between a run and the one that saved a checkpoint.
struct Changes {
  std::vector<config::Change> allowed;  // by --allow-change
  std::vector<config::Change> refused;
};

// Compares a run with a checkpoint. Throws Error(kUsage) for an --allow-change of a key that no run
// is known by, Error(kDamaged) for a checkpoint of an earlier version.
Changes changes_since(const checkpoint::Checkpoint& saved, const TrainOptions& options,
                      const TrainSetup& setup);

std::string text_of(const config::Change& change);  // "key: old -> new"

}  // namespace llmops::command
