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

TEST_CASE("16-bit conversions are torch's, bit by bit") {
  int bf16 = 0, f16 = 0;
  for (const std::string& line : split(read_file(GOLDEN "conversions.txt"), '\n')) {
    const auto words = split(line, ' ');
    if (words.size() != 3) continue;
    if (words[0] == "bf16") {
      ++bf16;
      CHECK(float_to_bf16(std::bit_cast<float>(hex(words[1]))) == hex(words[2]));
    } else {
      ++f16;
      const auto bits = static_cast<std::uint16_t>(hex(words[1]));
      CHECK(std::bit_cast<std::uint32_t>(f16_to_float(bits)) == hex(words[2]));
    }
  }
  CHECK(bf16 > 60);
  CHECK(f16 > 120);
}

TEST_CASE("every bf16 value survives the way through float") {
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float value = bf16_to_float(bits);
    if (std::isnan(value)) {
      CHECK(std::isnan(bf16_to_float(float_to_bf16(value))));
    } else if (float_to_bf16(value) != bits) {
      FAIL("bits " << i);
    }
  }
}

TEST_CASE("a NaN stays a NaN, whatever its payload") {
  for (const std::uint32_t bits : {0x7f800001u, 0x7fc00000u, 0xff80ffffu, 0x7fffffffu}) {
    CHECK(std::isnan(bf16_to_float(float_to_bf16(std::bit_cast<float>(bits)))));
  }
  CHECK(std::isnan(f16_to_float(0x7c01)));
  CHECK(f16_to_float(0x7c00) == std::numeric_limits<float>::infinity());
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
