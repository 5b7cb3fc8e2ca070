#include "store/checksum.h"

#include <zlib.h>

#include <cmath>
#include <limits>

namespace llmops::store {

void Checksum::append(const void* data, std::size_t size) {
  crc_ = ::crc32_z(crc_, static_cast<const Bytef*>(data), size);
}

Checksum& Checksum::add(std::int64_t value) {
  append(&value, sizeof(value));
  return *this;
}

Checksum& Checksum::add(double value) {
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  if (value == 0) value = 0;
  append(&value, sizeof(value));
  return *this;
}

Checksum& Checksum::add(std::string_view bytes) {
  add(static_cast<std::int64_t>(bytes.size()));
  append(bytes.data(), bytes.size());
  return *this;
}

}  // namespace llmops::store
