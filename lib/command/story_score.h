#pragma once

#include "command/train_host.h"
#include "command/train_setup.h"

namespace llmops::command {

// For a recipe that trains on generated stories and samples at the end: how many of the sampled
// sentences the generator's grammar parses (sample/parse_rate) and how many of them stand nowhere
// in the training text (sample/novel_rate). Does nothing for other recipes.
void score_stories(const TrainSetup& setup, TrainHost& host);

}  // namespace llmops::command
