#pragma once

#include <string>

#include "base/exit_code.h"
#include "record/run_recorder.h"

namespace llmops::command {

struct Ending {
  ExitCode code = ExitCode::kOk;
  std::string reason;  // one line
};

// Closes the run with this ending, and returns how the command ends. When the record is incomplete
// the reason says so, and that `result` (a path; empty: none) is whole; kOk becomes kStorage.
Ending finish_run(record::RunRecorder& recorder, Ending ending, const std::string& result = "");

}  // namespace llmops::command
