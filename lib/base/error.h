#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>

#include "base/exit_code.h"

namespace llmops {

// The one exception of the library: it names the problem, the place and the remedy. It ends a
// command; expected outcomes (not found, busy) are values. Only command/ catches and prints it.
//
//   throw Error{ExitCode::kUsage, "unknown key"}.at("recipe.yaml", 12, 3).hint("did you mean …?");
//
// what() is the whole line: "recipe.yaml:12:3: unknown key; did you mean …?".
class Error : public std::exception {
 public:
  Error(ExitCode code, std::string message);

  Error& at(std::string_view file, int line = 0, int column = 0) &;
  Error&& at(std::string_view file, int line = 0, int column = 0) &&;
  Error& hint(std::string_view remedy) &;
  Error&& hint(std::string_view remedy) &&;

  ExitCode code() const { return code_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  void compose();

  ExitCode code_;
  std::string message_, location_, hint_, text_;
};

// Shorthands: throw usage_error("no such file: {}", path);
template <typename... Args>
Error usage_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ExitCode::kUsage, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
Error damaged(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ExitCode::kDamaged, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
Error failed(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ExitCode::kFailed, fmt::format(format, std::forward<Args>(args)...));
}

// Returns the error of a failed system call: message, path and the text of errno. ENOSPC, EDQUOT,
// EFBIG, EROFS, EMFILE and ENFILE have the code kStorage and ENOMEM has kOutOfMemory. Every other
// errno has `otherwise`, including EIO of a reader.
Error system_error(std::string_view doing, std::string_view path, int error_number,
                   ExitCode otherwise = ExitCode::kStorage);

namespace detail {
[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               std::string_view message);
}

}  // namespace llmops

// Throws Error(kFailed) with file and line unless the condition holds. For invariants: a broken one
// is a bug.
#define LLMOPS_CHECK(condition, ...)                                 \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::llmops::detail::check_failed(#condition, __FILE__, __LINE__, \
                                     std::string_view{__VA_ARGS__}); \
  } while (false)
