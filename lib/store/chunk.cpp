#include "store/chunk.h"

#include <bit>
#include <cstring>
#include <optional>

#include "base/error.h"

namespace llmops::store {

static_assert(std::endian::native == std::endian::little);

namespace {

// Differences wrap around, so any two steps have one.
void append_difference(std::int64_t from, std::int64_t to, std::string& bytes) {
  const std::uint64_t difference =
      static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
  const bool negative = static_cast<std::int64_t>(difference) < 0;
  std::uint64_t zigzag = (difference << 1) ^ (negative ? ~std::uint64_t{0} : 0);
  for (; zigzag >= 0x80; zigzag >>= 7) bytes += static_cast<char>(zigzag | 0x80);
  bytes += static_cast<char>(zigzag);
}

// Reads a difference of append_difference() from the front of `bytes`. Returns false when the bytes
// end too early.
bool take_difference(std::string_view& bytes, std::int64_t& value) {
  std::uint64_t zigzag = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    zigzag |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) {
      const std::uint64_t difference = (zigzag >> 1) ^ (~(zigzag & 1) + 1);
      value = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) + difference);
      return true;
    }
  }
  return false;
}

}  // namespace

void Chunk::add(const Point& point) {
  append_difference(step_, point.step, bytes_);
  append_difference(time_ms_, point.time_ms, bytes_);
  char value[sizeof(double)];
  std::memcpy(value, &point.value, sizeof(value));
  bytes_.append(value, sizeof(value));
  step_ = point.step;
  time_ms_ = point.time_ms;
  ++size_;
}

void decode_chunk(std::string_view bytes, std::int64_t size, std::vector<Point>& points) {
  constexpr std::size_t kLeastBytes = 2 + sizeof(double);
  const auto refuse = [] { return damaged("the points of a series are damaged"); };
  if (size < 0 || static_cast<std::uint64_t>(size) > bytes.size() / kLeastBytes) throw refuse();
  Point point;
  for (std::int64_t i = 0; i < size; ++i) {
    if (!take_difference(bytes, point.step) || !take_difference(bytes, point.time_ms) ||
        bytes.size() < sizeof(double)) {
      throw refuse();
    }
    std::memcpy(&point.value, bytes.data(), sizeof(double));
    bytes.remove_prefix(sizeof(double));
    points.push_back(point);
  }
  if (!bytes.empty()) throw refuse();
}

}  // namespace llmops::store
