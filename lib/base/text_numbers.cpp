#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"

// Numbers as people write them in recipes and on the command line, and back.
namespace llmops {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Removes underscores and a leading '+'; returns nothing when an underscore is not between two
// digits.
std::optional<std::string> plain_digits(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) return std::nullopt;
  }
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return std::nullopt;
    }
  }
  return plain;
}

template <typename Number>
std::optional<Number> parse_whole(std::string_view text) {
  const std::optional<std::string> plain = plain_digits(text);
  if (!plain || plain->empty()) return std::nullopt;
  Number value{};
  const char* end = plain->data() + plain->size();
  const auto [stop, error] = std::from_chars(plain->data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 6> kTimeUnits{
    {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"", 1}}};

}  // namespace

std::optional<std::int64_t> parse_int(std::string_view text) {
  return parse_whole<std::int64_t>(text);
}

std::optional<double> parse_double(std::string_view text) {
  const std::optional<double> value = parse_whole<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<double> parse_seconds(std::string_view text) {
  std::size_t cut = text.size();
  while (cut > 0 && !is_digit(text[cut - 1]) && text[cut - 1] != '.') --cut;
  const std::optional<double> number = parse_double(text.substr(0, cut));
  if (!number || *number < 0) return std::nullopt;
  const std::string_view name = trim(text.substr(cut));
  for (const Unit& unit : kTimeUnits) {
    if (unit.name == name) return *number * unit.factor;
  }
  return std::nullopt;
}

std::string format_bytes(double bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{:.0f} B", bytes);
  std::size_t unit = 0;
  for (bytes /= 1024; bytes >= 1023.95 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  return fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string format_seconds(double seconds) {
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const std::int64_t whole = std::llround(std::min(seconds, 9e15));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  if (whole < 48 * 3600) return fmt::format("{}h {:02}m", whole / 3600, whole / 60 % 60);
  return fmt::format("{}d {:02}h", whole / 86400, whole / 3600 % 24);
}

std::string format_count(double count) {
  constexpr std::array<Unit, 3> kScales{{{"T", 1e12}, {"B", 1e9}, {"M", 1e6}}};
  for (const Unit& scale : kScales) {
    if (std::fabs(count) >= scale.factor * 0.99995) {
      return fmt::format("{:.2f}{}", count / scale.factor, scale.name);
    }
  }
  std::string digits = fmt::format("{:.0f}", std::fabs(count));
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return (count < 0 ? "-" : "") + digits;
}

std::string format_double(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return fmt::format("{}", value);
}

}  // namespace llmops
