#pragma once

#include <cmath>
#include <cstdint>

#include "base/random.h"
#include "tensor/kernels/kernels.h"

// The bits of every dropout mask, the same in all tables: element (row, column) takes the
// 16-bit word column % 8 of the Philox block at (row, column / 8) and is dropped when the word is
// below the threshold. So p is rounded to a multiple of 2^-16.
namespace llmops::tensor {

struct DropoutMask {
  std::uint64_t key = 0, high = 0;  // Philox key and upper half of the counter
  std::uint64_t first_row = 0;
  std::uint32_t threshold = 0;  // 0 = nothing is dropped
  float scale = 1;              // of kept values

  // Lower half of the counter of the block that holds columns 8 block .. 8 block + 7.
  static constexpr int kRowShift = 24;
};

inline DropoutMask dropout_mask(const DropoutKey& dropout) {
  DropoutMask mask;
  mask.threshold = static_cast<std::uint32_t>(std::lround(dropout.p * 65536.0));
  if (mask.threshold == 0) return mask;
  const std::uint64_t stream = static_cast<std::uint32_t>(RandomStream::kDropout);
  const auto mixed = philox(dropout.seed ^ (stream << 56), dropout.step, dropout.site);
  mask.key = (std::uint64_t{mixed[1]} << 32) | mixed[0];
  mask.high = (std::uint64_t{mixed[3]} << 32) | mixed[2];
  mask.first_row = static_cast<std::uint64_t>(dropout.first_row);
  // p = 1 drops everything: the scale is then never used.
  mask.scale = mask.threshold >= 65536
                   ? 0.0f
                   : static_cast<float>(65536.0 / (65536.0 - static_cast<double>(mask.threshold)));
  return mask;
}

}  // namespace llmops::tensor
