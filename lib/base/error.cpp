#include "base/error.h"

#include <array>
#include <cerrno>
#include <cstring>

namespace llmops {

namespace {

constexpr std::array<ExitCodeInfo, 15> kTable{{
    {ExitCode::kOk, "ok", "Done; everything that was asked for is there."},
    {ExitCode::kFailed, "failed", "The command failed; also a second signal."},
    {ExitCode::kUsage, "usage", "Arguments, recipe or data are wrong; nothing was started."},
    {ExitCode::kGateFailed, "gate_failed", "An expectation does not hold."},
    {ExitCode::kInconclusive, "inconclusive",
     "An expectation could not be judged, and no other failed."},
    {ExitCode::kBudgetSpent, "budget_spent", "Budget or max_time spent; saved and resumable."},
    {ExitCode::kOutOfMemory, "out_of_memory", "Not enough memory."},
    {ExitCode::kDiverged, "diverged",
     "Training diverged and rolling back did not help, or a model's loss is not finite."},
    {ExitCode::kNotFound, "not_found", "The named thing does not exist."},
    {ExitCode::kBusy, "busy", "Held by another process."},
    {ExitCode::kDamaged, "damaged", "A model, checkpoint or store file is damaged or unreadable."},
    {ExitCode::kStorage, "storage",
     "Writing failed: disk full, read-only or I/O error; or done, with an incomplete record."},
    {ExitCode::kHangup, "hangup", "Stopped by SIGHUP after saving."},
    {ExitCode::kInterrupted, "interrupted", "Stopped by SIGINT after saving."},
    {ExitCode::kTerminated, "terminated", "Stopped by SIGTERM after saving."},
}};

}  // namespace

std::span<const ExitCodeInfo> exit_codes() {
  return kTable;
}

std::string_view name_of(ExitCode code) {
  for (const ExitCodeInfo& info : kTable) {
    if (info.code == code) return info.name;
  }
  return "unknown";
}

Error::Error(ExitCode code, std::string message) : code_(code), message_(std::move(message)) {
  compose();
}

Error& Error::at(std::string_view file, int line, int column) & {
  location_ = file;
  if (line > 0) location_ += fmt::format(":{}", line);
  if (line > 0 && column > 0) location_ += fmt::format(":{}", column);
  compose();
  return *this;
}
Error&& Error::at(std::string_view file, int line, int column) && {
  return std::move(at(file, line, column));
}
Error& Error::hint(std::string_view remedy) & {
  hint_ = remedy;
  compose();
  return *this;
}
Error&& Error::hint(std::string_view remedy) && {
  return std::move(hint(remedy));
}

void Error::compose() {
  text_.clear();
  if (!location_.empty()) text_ += location_ + ": ";
  text_ += message_;
  if (!hint_.empty()) text_ += "; " + hint_;
}

Error system_error(std::string_view doing, std::string_view path, int error_number,
                   ExitCode otherwise) {
  ExitCode code = otherwise;
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EROFS:
    case EMFILE:
    case ENFILE:
      code = ExitCode::kStorage;
      break;
    case ENOMEM:
      code = ExitCode::kOutOfMemory;
      break;
    default:
      break;
  }
  return Error(code, fmt::format("{} {}: {}", doing, path, std::strerror(error_number)));
}

namespace detail {
void check_failed(const char* condition, const char* file, int line, std::string_view message) {
  throw Error(ExitCode::kFailed, fmt::format("internal error: {} does not hold{}{}", condition,
                                             message.empty() ? "" : ": ", message))
      .at(file, line);
}
}  // namespace detail

}  // namespace llmops
