#include "store/chunk.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "tests/catch.h"

namespace llmops::store {
namespace {

std::vector<Point> through_chunk(const std::vector<Point>& points) {
  Chunk chunk;
  for (const Point& point : points) chunk.add(point);
  std::vector<Point> read;
  decode_chunk(chunk.bytes(), chunk.size(), read);
  return read;
}

bool same_bits(double a, double b) {
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

TEST_CASE("points come back bit for bit, extremes included") {
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Point> points{{0, 0, 0.0},
                                  {kMax, kMax, -0.0},
                                  {kMin, kMin, infinity},
                                  {-1, 5, -infinity},
                                  {7, 4, std::nan("1")},
                                  {7, 4, 5e-324},
                                  {7, 4, 1.7976931348623157e308},
                                  {kMin, kMax, 1},
                                  {kMax, kMin, 0.1 + 0.2}};
  const std::vector<Point> read = through_chunk(points);
  REQUIRE(read.size() == points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    CHECK(read[i].step == points[i].step);
    CHECK(read[i].time_ms == points[i].time_ms);
    CHECK(same_bits(read[i].value, points[i].value));
  }
}

TEST_CASE("random points come back") {
  const std::uint64_t seed = 1;
  CAPTURE(seed);
  Random random(seed, RandomStream::kSynthetic);
  std::vector<Point> points;
  for (int i = 0; i < 5000; ++i) {
    const auto bits = static_cast<int>(random.below(64));
    points.push_back({static_cast<std::int64_t>(random.next_u64() >> bits),
                      static_cast<std::int64_t>(random.next_u64() >> bits), random.normal()});
  }
  CHECK(through_chunk(points) == points);
}

TEST_CASE("a point of a typical run takes ten bytes") {
  Chunk chunk;
  for (std::int64_t step = 0; step < 1000; ++step) chunk.add({step, 17 * step, 3.0 / 7});
  CHECK(chunk.bytes().size() == 10 * 1000);
}

TEST_CASE("damaged chunks are refused, and sizes are bounded by the bytes") {
  Chunk chunk;
  for (std::int64_t step = 0; step < 10; ++step) chunk.add({step * 1000, step, 0.5});
  const std::string bytes(chunk.bytes());
  std::vector<Point> points;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CHECK_THROWS_AS(decode_chunk(bytes.substr(0, length), 10, points), Error);
  }
  CHECK_THROWS_AS(decode_chunk(bytes + "x", 10, points), Error);
  CHECK_THROWS_AS(decode_chunk(bytes, 9, points), Error);
  CHECK_THROWS_AS(decode_chunk(bytes, -1, points), Error);
  CHECK_THROWS_AS(decode_chunk(bytes, std::int64_t{1} << 60, points), Error);
  CHECK_THROWS_AS(decode_chunk(std::string(40, '\xff'), 2, points), Error);
}

}  // namespace
}  // namespace llmops::store
