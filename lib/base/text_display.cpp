#include <fmt/format.h>

#include <algorithm>
#include <iterator>

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

namespace {

// Unicode's control and format characters and others without a shape (Default_Ignorable), but for
// the two variation selectors that choose between text and emoji.
struct Range {
  char32_t first, last;
};
constexpr Range kUnseen[] = {
    {0x00, 0x1F},     {0x7F, 0x9F},       {0xAD, 0xAD},       {0x034F, 0x034F},   {0x061C, 0x061C},
    {0x115F, 0x1160}, {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},
    {0x2060, 0x206F}, {0x3164, 0x3164},   {0xFE00, 0xFE0D},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},
    {0xFFF0, 0xFFFB}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

}  // namespace

bool is_control(char32_t c) {
  const auto range = std::ranges::lower_bound(kUnseen, c, {}, &Range::last);
  return range != std::end(kUnseen) && range->first <= c;
}

// U+200C and U+200D between non-ASCII characters are part of the writing of Persian and Indian
// languages, and of emoji.
static bool joins_letters(char32_t before, char32_t joiner, char32_t after) {
  const auto is_letter = [](char32_t c) { return c >= 0x80 && !is_control(c); };
  return (joiner == 0x200C || joiner == 0x200D) && is_letter(before) && is_letter(after);
}

std::string printable(std::string_view text, bool keep_newlines) {
  std::string shown;
  shown.reserve(text.size());
  char32_t before = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const auto after = [&] {
      const std::size_t next = at + c.length;
      return next < text.size() ? decode_utf8(text, next).value : char32_t{0};
    };
    if (c.value == kInvalidCodePoint) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    } else if (!is_control(c.value) || joins_letters(before, c.value, after()) ||
               (keep_newlines && (c.value == '\n' || c.value == '\t'))) {
      shown += text.substr(at, c.length);
    } else if (c.value < 0x80) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned>(c.value));
    } else {
      shown += fmt::format("\\u{{{:04x}}}", static_cast<unsigned>(c.value));
    }
    before = c.value;
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
