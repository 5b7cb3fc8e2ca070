#pragma once

#include <cstdint>
#include <string_view>

namespace llmops::store {

// CRC-32 (of zlib) over the values of a row, each with its size. SQLite has no checksums of its
// own: without this one, a bit that flips on the disk would change a number unnoticed.
class Checksum {
 public:
  Checksum& add(std::int64_t value);
  Checksum& add(double value);  // in SQLite's form: one NaN, one zero
  Checksum& add(std::string_view bytes);
  std::int64_t value() const { return static_cast<std::int64_t>(crc_); }

 private:
  void append(const void* data, std::size_t size);
  std::uint64_t crc_ = 0;
};

}  // namespace llmops::store
