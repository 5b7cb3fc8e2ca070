#include <array>
#include <bit>

#include "base/error.h"
#include "weights/safetensors.h"
#include "weights/safetensors_header.h"

namespace llmops::weights {
namespace {

struct DTypeInfo {
  DType type;
  std::string_view name;
  std::size_t bytes;
};
// In the order of the enum.
constexpr std::array<DTypeInfo, 10> kTypes{{
    {DType::kF32, "F32", 4},
    {DType::kF16, "F16", 2},
    {DType::kBF16, "BF16", 2},
    {DType::kI64, "I64", 8},
    {DType::kI32, "I32", 4},
    {DType::kI16, "I16", 2},
    {DType::kI8, "I8", 1},
    {DType::kU8, "U8", 1},
    {DType::kBool, "BOOL", 1},
    {DType::kF64, "F64", 8},
}};

const DTypeInfo& info(DType type) {
  const auto index = static_cast<std::size_t>(type);
  LLMOPS_CHECK(index < kTypes.size() && kTypes[index].type == type);
  return kTypes[index];
}

}  // namespace

std::size_t size_of(DType type) {
  return info(type).bytes;
}
std::string_view name_of(DType type) {
  return info(type).name;
}

std::optional<DType> find_dtype(std::string_view name) {
  for (const DTypeInfo& known : kTypes) {
    if (known.name == name) return known.type;
  }
  return std::nullopt;
}

float bf16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

float f16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  const std::uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24, exact in a float
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  const std::uint32_t wide = exponent == 31 ? 255u : exponent + 127 - 15;
  return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

}  // namespace llmops::weights
