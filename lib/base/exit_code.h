#pragma once

#include <span>
#include <string_view>

namespace llmops {

// The exit statuses of the program, and the classes of its errors. One table (exit_codes()) names
// them for messages, stored runs and the documentation.
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kGateFailed = 3,
  kInconclusive = 4,
  kBudgetSpent = 5,
  kOutOfMemory = 6,
  kDiverged = 7,
  kNotFound = 8,
  kBusy = 9,
  kDamaged = 10,
  kStorage = 11,
  kHangup = 129,
  kInterrupted = 130,
  kTerminated = 143,
};

struct ExitCodeInfo {
  ExitCode code;
  std::string_view name;     // "out_of_memory"
  std::string_view meaning;  // one sentence, for the documentation
};

std::span<const ExitCodeInfo> exit_codes();
std::string_view name_of(ExitCode code);

}  // namespace llmops
