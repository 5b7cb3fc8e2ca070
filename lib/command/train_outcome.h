#pragma once

#include <map>
#include <string>
#include <vector>

#include "command/command.h"
#include "command/train_host.h"
#include "command/train_setup.h"
#include "engine/trainer.h"

namespace llmops::command {

// `expect:` of the recipe against the last values of the metrics.
struct Judgement {
  std::vector<std::string> failed;   // one line for each that does not hold
  std::vector<std::string> unknown;  // one line for each whose metric has no value
};
Judgement judge_expectations(const recipe::Recipe& recipe, const LastValues& values);

// The loss curve, where the model is, and what to type next, for a person, on invocation.err.
void print_ending(const Invocation& invocation, const TrainSetup& setup, const TrainHost& host,
                  const engine::TrainResult& result, const std::string& run_id);

}  // namespace llmops::command
