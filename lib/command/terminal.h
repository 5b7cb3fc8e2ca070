#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace llmops::command {

// Writes text for whoever watches, on stderr. A failure to write (a full disk, a reader that left)
// is ignored: it must not end the work or change its outcome.
void tell_text(std::FILE* stream, const std::string& text);

template <typename... Arguments>
void tell(std::FILE* stream, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  tell_text(stream, fmt::format(format, std::forward<Arguments>(arguments)...));
}

// Writes out the results so far. Throws std::system_error, as fmt::print does.
void flush_results(std::FILE* out);

bool is_terminal(std::FILE* stream);
// Columns of the stream's terminal; nothing when it is not one.
std::optional<int> terminal_width(std::FILE* stream);

}  // namespace llmops::command
