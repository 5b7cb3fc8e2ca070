#include <bit>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "tests/catch.h"
#include "weights/safetensors.h"

namespace llmops::weights {
namespace {

std::uint32_t hex(const std::string& digits) {
  return static_cast<std::uint32_t>(std::stoul(digits, nullptr, 16));
}

TEST_CASE("float16 becomes the float that torch makes of it, bit by bit") {
  int count = 0;
  for (const std::string& line : split(read_file(GOLDEN "conversions.txt"), '\n')) {
    const auto words = split(line, ' ');
    if (words.size() != 3) continue;
    ++count;
    const auto bits = static_cast<std::uint16_t>(hex(words[1]));
    CHECK(std::bit_cast<std::uint32_t>(f16_to_float(bits)) == hex(words[2]));
  }
  CHECK(count > 120);
  CHECK(std::isnan(f16_to_float(0x7c01)));
  CHECK(f16_to_float(0x7c00) == std::numeric_limits<float>::infinity());
}

TEST_CASE("bfloat16 is the upper half of a float") {
  CHECK(bf16_to_float(0x3f80) == 1.0f);
  CHECK(bf16_to_float(0xc049) == -3.140625f);
  CHECK(bf16_to_float(0x0001) == 0x1p-133f);
  CHECK(bf16_to_float(0xff80) == -std::numeric_limits<float>::infinity());
  CHECK(std::isnan(bf16_to_float(0x7f81)));
}

TEST_CASE("dtypes have the names and sizes of the format") {
  CHECK(name_of(DType::kBF16) == "BF16");
  CHECK(name_of(DType::kBool) == "BOOL");
  CHECK(size_of(DType::kF64) == 8);
  CHECK(size_of(DType::kF16) == 2);
  CHECK(size_of(DType::kU8) == 1);
}

}  // namespace
}  // namespace llmops::weights
