// The points of a series as the store keeps them: how many, in one byte, and their bytes.
#include "store/chunk.h"

#include <cstring>
#include <limits>

#include "tests/fuzz/fuzz.h"

using llmops::fuzz::require;
using llmops::fuzz::returns;
using llmops::store::Point;

namespace {

bool same_bits(const std::vector<Point>& a, const std::vector<Point>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(Point)) == 0);
}

std::int64_t claimed_size(std::uint8_t byte) {
  if (byte == 0xFF) return std::numeric_limits<std::int64_t>::max();
  return byte == 0xFE ? -1 : byte;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::int64_t claimed = claimed_size(data[0]);
  std::vector<Point> points, again;
  const auto bytes = llmops::fuzz::text_of(data + 1, size - 1);
  if (!returns([&] { llmops::store::decode_chunk(bytes, claimed, points); })) return 0;
  require(static_cast<std::int64_t>(points.size()) == claimed, "as many points as claimed");
  llmops::store::Chunk chunk;
  for (const Point& point : points) chunk.add(point);
  llmops::store::decode_chunk(chunk.bytes(), chunk.size(), again);
  require(same_bits(points, again), "points come back");
  return 0;
}
