#pragma once

#include "command/command.h"
#include "command/train_setup.h"

namespace llmops::command {

// `llmops train RECIPE --dry-run`: every error of the recipe, else the plan: steps, tokens, memory,
// disk, time. Reads the data's cache when it is there and a sample of the data otherwise; writes
// nothing.
ExitCode dry_run(const TrainOptions& options, const Invocation& invocation);

}  // namespace llmops::command
