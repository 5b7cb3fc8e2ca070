#pragma once

#include "tensor/kernels/cpu/isa/vec.h"
#include "tensor/kernels/dropout_mask.h"

// The masks of dropout_mask.h, kLanes Philox blocks (8 kLanes columns of a row) at a time.
namespace llmops::tensor::LLMOPS_ISA {

constexpr Index kMaskColumns = 8 * kLanes;

// The full products of 32-bit lanes.
inline void multiply_wide(Words a, std::uint32_t b, Words& low, Words& high) {
  using Wide = std::uint64_t __attribute__((vector_size(8 * kLanes)));
  const Wide product = __builtin_convertvector(a, Wide) * std::uint64_t{b};
  low = __builtin_convertvector(product, Words);
  high = __builtin_convertvector(product >> 32, Words);
}

// scales[c] for columns [column, column + kMaskColumns) of a row: 0 or mask.scale. `column` is a
// multiple of 8.
inline void mask_scales(const DropoutMask& mask, std::uint64_t row, Index column, float* scales) {
  const std::uint64_t first =
      ((mask.first_row + row) << DropoutMask::kRowShift) + static_cast<std::uint64_t>(column / 8);
  Words c0{}, c1{};
  for (int lane = 0; lane < kLanes; ++lane) {
    const std::uint64_t block = first + static_cast<std::uint64_t>(lane);
    c0[lane] = static_cast<std::uint32_t>(block);
    c1[lane] = static_cast<std::uint32_t>(block >> 32);
  }
  Words c2 = Words{} + static_cast<std::uint32_t>(mask.high);
  Words c3 = Words{} + static_cast<std::uint32_t>(mask.high >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(mask.key);
  std::uint32_t k1 = static_cast<std::uint32_t>(mask.key >> 32);
  for (int round = 0; round < 10; ++round) {
    Words low0, high0, low1, high1;
    multiply_wide(c0, 0xD2511F53u, low0, high0);
    multiply_wide(c2, 0xCD9E8D57u, low1, high1);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const Words words[4] = {c0, c1, c2, c3};
  for (int w = 0; w < 4; ++w) {
    const Vec low = (words[w] & 0xFFFFu) < mask.threshold ? Vec{} : splat(mask.scale);
    const Vec high = (words[w] >> 16) < mask.threshold ? Vec{} : splat(mask.scale);
    for (int lane = 0; lane < kLanes; ++lane) {
      scales[8 * lane + 2 * w] = low[lane];
      scales[8 * lane + 2 * w + 1] = high[lane];
    }
  }
}

}  // namespace llmops::tensor::LLMOPS_ISA
