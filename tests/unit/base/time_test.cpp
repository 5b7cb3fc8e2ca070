#include "base/time.h"

#include "tests/catch.h"

namespace llmops {

TEST_CASE("stamps are ISO 8601 in UTC, before 1970 too") {
  CHECK(iso_time(0) == "1970-01-01T00:00:00Z");
  CHECK(iso_time(1769851800999) == "2026-01-31T09:30:00Z");
  CHECK(iso_time(-1) == "1969-12-31T23:59:59Z");
}

TEST_CASE("the monotonic clock never goes back") {
  double last = monotonic_seconds();
  for (int i = 0; i < 1000; ++i) {
    const double now = monotonic_seconds();
    CHECK(now >= last);
    last = now;
  }
  CHECK(wall_clock_ms() > 1'600'000'000'000);
}

}  // namespace llmops
