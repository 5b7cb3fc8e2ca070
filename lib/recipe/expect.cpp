#include "recipe/expect.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace llmops::recipe {

namespace {

using Op = Expectation::Op;

// Longer names first: "<=" must not be read as "<".
constexpr std::array<std::pair<std::string_view, Op>, 6> kOps{{{"<=", Op::kLessEqual},
                                                               {">=", Op::kGreaterEqual},
                                                               {"==", Op::kEqual},
                                                               {"!=", Op::kNotEqual},
                                                               {"<", Op::kLess},
                                                               {">", Op::kGreater}}};

constexpr std::string_view kMetricCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@-";

}  // namespace

bool Expectation::holds(double measured) const {
  if (std::isnan(measured)) return false;
  switch (op) {
    case Op::kLess:
      return measured < value;
    case Op::kLessEqual:
      return measured <= value;
    case Op::kGreater:
      return measured > value;
    case Op::kGreaterEqual:
      return measured >= value;
    case Op::kEqual:
      return measured == value;
    case Op::kNotEqual:
      break;
  }
  return measured != value;
}

std::string Expectation::text() const {
  std::string_view name;
  for (const auto& [word, known] : kOps) {
    if (known == op) name = word;
  }
  return fmt::format("{} {} {}", metric, name, format_double(value));
}

Expectation parse_expectation(std::string_view text) {
  const auto refuse = [&] {
    return usage_error("'{}' is not an expectation", printable(text))
        .hint("write METRIC OP NUMBER, as in 'eval/loss <= 1.9'");
  };
  const std::size_t at = text.find_first_of("<>=!");
  if (at == std::string_view::npos) throw refuse();
  Expectation expectation;
  expectation.metric = trim(text.substr(0, at));
  if (expectation.metric.empty() ||
      expectation.metric.find_first_not_of(kMetricCharacters) != std::string::npos) {
    throw refuse();
  }
  std::string_view rest = text.substr(at);
  for (const auto& [word, op] : kOps) {
    if (!rest.starts_with(word)) continue;
    expectation.op = op;
    std::string_view number = trim(rest.substr(word.size()));
    const bool percent = number.ends_with('%');
    if (percent) number.remove_suffix(1);
    const auto value = parse_double(number);
    if (!value) throw refuse();
    expectation.value = percent ? *value / 100 : *value;
    return expectation;
  }
  throw refuse();
}

}  // namespace llmops::recipe
