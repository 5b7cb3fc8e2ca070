#include "command/finish_run.h"

#include "base/error.h"

namespace llmops::command {

Ending finish_run(record::RunRecorder& recorder, Ending ending, const std::string& result) {
  try {
    recorder.finish(ending.code, ending.reason);
  } catch (const Error& error) {
    if (!ending.reason.empty()) ending.reason += "; ";
    ending.reason +=
        fmt::format("the record of run {} is incomplete: {}", recorder.name(), error.what());
    if (!result.empty()) ending.reason += fmt::format("; {} is whole", result);
    if (ending.code == ExitCode::kOk) ending.code = ExitCode::kStorage;
  }
  return ending;
}

}  // namespace llmops::command
