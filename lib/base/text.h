#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llmops {

std::vector<std::string> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string_view trim(std::string_view text);

// Parse a whole string; return nothing when something is before or after the number or it is out of
// range. Independent of the locale (text_numbers.cpp). Underscores may be between digits
// ("1_000_000").
std::optional<std::int64_t> parse_int(std::string_view text);
// Finite decimal numbers, "3e-4" and "1_000.5" included; no hex, no inf, no nan.
std::optional<double> parse_double(std::string_view text);
// "90s", "90m", "1.5h", "2d", "250ms", plain number = seconds.
std::optional<double> parse_seconds(std::string_view text);

std::string format_bytes(double bytes);      // "1.2 GiB"
std::string format_seconds(double seconds);  // "850 ms", "1m 20s", "2h 05m"
std::string format_count(double count);      // "1.54M", "795,904" under a million
// The shortest text that reads back as the same double; "NaN", "Infinity", "-Infinity".
std::string format_double(double value);

// Returns the candidate nearest to `word`, at most 2 edits away (3 for long words), or nothing. For
// "did you mean".
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

// One code point of UTF-8 text (RFC 3629) and its length in bytes; kInvalidCodePoint with length 1
// for a byte that does not begin a valid sequence. (This and the rest: text_display.cpp.)
inline constexpr char32_t kInvalidCodePoint = 0xFFFFFFFF;
struct CodePoint {
  char32_t value;
  std::size_t length;
};
CodePoint decode_utf8(std::string_view text, std::size_t at);
// Whether a character controls a terminal or is invisible on it: C0, DEL, C1, line separators,
// marks of direction, characters of width zero or without a shape.
bool is_control(char32_t code_point);

// Returns text from outside in a form that is safe to print: control characters (is_control) become
// \xNN or \u{NNNN}, invalid UTF-8 becomes \xNN. `keep_newlines` leaves \n and \t alone.
std::string printable(std::string_view text, bool keep_newlines = false);
// The byte offset of the first byte that is not valid UTF-8; nothing when all is valid.
std::optional<std::size_t> invalid_utf8(std::string_view text);
// Columns of the text on a terminal, counting one per code point.
std::size_t display_width(std::string_view text);

}  // namespace llmops
