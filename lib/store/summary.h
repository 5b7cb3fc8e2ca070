#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace llmops::store {

// The values of a series that lists and comparisons need. First and last are by step, not by the
// order of logging; among points of one step the last logged is the last. NaN is counted, but is
// never the minimum or maximum; both are NaN while there is no other value.
struct Summary {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  std::int64_t n = 0, n_nan = 0;
  double sum = 0;  // of the values that are not NaN
  double first = kNone, last = kNone, min = kNone, max = kNone;
  std::int64_t first_step = 0, last_step = 0, min_step = 0, max_step = 0;

  void add(std::int64_t step, double value) {
    if (n == 0 || step < first_step) {
      first = value;
      first_step = step;
    }
    if (n == 0 || step >= last_step) {
      last = value;
      last_step = step;
    }
    ++n;
    if (std::isnan(value)) {
      ++n_nan;
      return;
    }
    sum += value;
    if (std::isnan(min) || value < min) {
      min = value;
      min_step = step;
    }
    if (std::isnan(max) || value > max) {
      max = value;
      max_step = step;
    }
  }
};

}  // namespace llmops::store
