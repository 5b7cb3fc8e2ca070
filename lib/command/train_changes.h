#pragma once

#include <string>
#include <vector>

#include "command/train_setup.h"

namespace llmops::command {

// The keys that differ between a run and the one that saved a checkpoint, "key: old -> new".
struct Changes {
  std::vector<std::string> allowed, refused;  // by --allow-change
};

// Compares with the checkpoint at `folder`. Throws Error(kUsage) for an --allow-change of a key
// that no run is known by, Error(kDamaged) for a checkpoint of an earlier version.
Changes changes_since(const std::string& folder, const TrainOptions& options,
                      const TrainSetup& setup);

}  // namespace llmops::command
