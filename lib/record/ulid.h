#pragma once

#include <cstdint>
#include <string>

namespace llmops::record {

// A new ULID (github.com/ulid/spec): 48 bits of milliseconds and 80 random bits in 26 characters
// of Crockford's base 32, so that ids sort by time.
std::string make_ulid(std::int64_t unix_ms);

}  // namespace llmops::record
