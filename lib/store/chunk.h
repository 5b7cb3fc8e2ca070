#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llmops::store {

struct Point {
  std::int64_t step = 0;
  std::int64_t time_ms = 0;  // of the run: elapsed, without the pauses between attempts
  double value = 0;
  bool operator==(const Point&) const = default;
};

// Points of one series in the order they were logged. Format of a point: step and time_ms, each as
// its difference to the point before in zigzag LEB128 (sint64 of Protocol Buffers); the value as 8
// bytes, little endian. A point usually takes 10 bytes.
class Chunk {
 public:
  void add(const Point& point);
  std::int64_t size() const { return size_; }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::int64_t size_ = 0;
  std::int64_t step_ = 0, time_ms_ = 0;  // of the last point
};

// Appends the points; throws Error(kDamaged) unless `bytes` holds exactly `size` of them.
void decode_chunk(std::string_view bytes, std::int64_t size, std::vector<Point>& points);

}  // namespace llmops::store
