#pragma once

#include <cstdint>
#include <string>

namespace llmops {

// Use the monotonic clock for durations and the wall clock for times of day.
double monotonic_seconds();
std::int64_t wall_clock_ms();                  // Unix epoch
std::string iso_time(std::int64_t unix_ms);    // "2026-01-31T09:30:00Z"
std::string local_time(std::int64_t unix_ms);  // "2026-01-31 10:30"

double process_cpu_seconds();

}  // namespace llmops
