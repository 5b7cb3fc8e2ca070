#include <fmt/format.h>

#include "base/text.h"

namespace llmops {

CodePoint decode_utf8(std::string_view text, std::size_t at) {
  // RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return {static_cast<char32_t>(first), 1};
  if (first >= 0xC2 && first < 0xE0 && continues(1)) {
    return {static_cast<char32_t>(((first & 0x1Fu) << 6) | (byte(1) & 0x3Fu)), 2};
  }
  if (first >= 0xE0 && first < 0xF0 && continues(1) && continues(2)) {
    const unsigned value = ((first & 0x0Fu) << 12) | ((byte(1) & 0x3Fu) << 6) | (byte(2) & 0x3Fu);
    if (value >= 0x800 && (value < 0xD800 || value > 0xDFFF)) {
      return {static_cast<char32_t>(value), 3};
    }
  }
  if (first >= 0xF0 && first < 0xF5 && continues(1) && continues(2) && continues(3)) {
    const unsigned value = ((first & 0x07u) << 18) | ((byte(1) & 0x3Fu) << 12) |
                           ((byte(2) & 0x3Fu) << 6) | (byte(3) & 0x3Fu);
    if (value >= 0x10000 && value <= 0x10FFFF) return {static_cast<char32_t>(value), 4};
  }
  return {kInvalidCodePoint, 1};
}

bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

std::string printable(std::string_view text, bool keep_newlines) {
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (c.value == kInvalidCodePoint) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    } else if (!is_control(c.value) || (keep_newlines && (c.value == '\n' || c.value == '\t'))) {
      shown += text.substr(at, c.length);
    } else if (c.value < 0x80) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned>(c.value));
    } else {
      shown += fmt::format("\\u{{{:04x}}}", static_cast<unsigned>(c.value));
    }
    at += c.length;
  }
  return shown;
}

std::optional<std::size_t> invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (c.value == kInvalidCodePoint) return at;
    at += c.length;
  }
  return std::nullopt;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size(); at += decode_utf8(text, at).length) ++width;
  return width;
}

}  // namespace llmops
