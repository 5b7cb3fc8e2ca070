#pragma once

#include "command/command.h"
#include "command/train_setup.h"

namespace llmops::command {

// `llmops train RECIPE --dry-run`: prints the plan (steps, tokens, memory, disk, time), or throws
// what the run would throw before its first step. Reads the data's cache when it is there and a
// sample of the data otherwise; writes nothing.
ExitCode dry_run(const TrainOptions& options, const recipe::Recipe& recipe,
                 const Invocation& invocation);

}  // namespace llmops::command
