#pragma once

#include <string>

#include "command/command.h"
#include "command/train_host.h"
#include "command/train_resume.h"
#include "command/train_setup.h"
#include "engine/trainer.h"

// How a training run ends: what it came to, and what is printed of it.
namespace llmops::command {

// Sets exit status and reason of a result: the signal that stopped the run, or an expectation of
// the recipe that its last values do not meet.
void conclude(engine::TrainResult& result, const recipe::Recipe& recipe, const LastValues& values);

// Returns the result of a run that had finished before this command, from its last checkpoint and
// the last values of its metrics.
engine::TrainResult finished_result(const recipe::Recipe& recipe, const ResumePoint& point,
                                    const LastValues& values);

// Prints time by phase and kernel; nothing without a profile.
void print_profile(const Invocation& invocation, const engine::TrainResult& result,
                   const std::string& trace_path);
// Prints the loss curve, where the model is, and what to type next. `run_id` is empty without a
// record.
void print_ending(const Invocation& invocation, const recipe::Recipe& recipe, const TrainHost& host,
                  const engine::TrainResult& result, const std::string& run_id);

// Prints the result itself, on stdout, and returns its exit status. Throws Error when that is not
// kOk.
ExitCode print_result(const TrainOptions& options, const Invocation& invocation,
                      const engine::TrainResult& result, const std::string& run_id);

}  // namespace llmops::command
