#pragma once

#include <string>
#include <string_view>

namespace llmops::recipe {

// A condition on a metric at the end of a run: "eval/loss <= 1.9". Also the form of eval --expect.
struct Expectation {
  enum class Op { kLess, kLessEqual, kGreater, kGreaterEqual, kEqual, kNotEqual };
  std::string metric;
  Op op = Op::kLessEqual;
  double value = 0;

  bool holds(double measured) const;  // never for NaN
  std::string text() const;           // "eval/loss <= 1.9"
};

// Reads METRIC OP NUMBER, where OP is one of < <= > >= == !=. Spaces are optional, "90%" is 0.9.
// Throws Error(kUsage).
Expectation parse_expectation(std::string_view text);

}  // namespace llmops::recipe
