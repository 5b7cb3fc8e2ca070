#pragma once

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace llmops::command {

// Text for whoever watches, on stderr. That nobody does (a full disk, a reader that left) must not
// end the work or change its outcome, so that a failure to write is ignored.
inline void tell_text(std::FILE* stream, const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stream) != text.size()) std::clearerr(stream);
}

template <typename... Arguments>
void tell(std::FILE* stream, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  tell_text(stream, fmt::format(format, std::forward<Arguments>(arguments)...));
}

// Columns of the terminal behind the stream; nothing when it is none.
inline std::optional<int> terminal_width(std::FILE* stream) {
  winsize size{};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

}  // namespace llmops::command
