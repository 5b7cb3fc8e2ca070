#pragma once

#include <utility>

#include "tensor/kernels/cpu/isa/vec.h"

namespace llmops::tensor::LLMOPS_ISA {
namespace detail {

template <int Step, int... Lane>
inline void exchange(Vec& a, Vec& b, std::integer_sequence<int, Lane...>) {
  const Vec low = __builtin_shufflevector(a, b, ((Lane & Step) ? Lane - Step + kLanes : Lane)...);
  const Vec high = __builtin_shufflevector(a, b, ((Lane & Step) ? Lane + kLanes : Lane + Step)...);
  a = low;
  b = high;
}

template <int Step>
inline void transpose_steps(Vec (&rows)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i & Step) == 0) {
      exchange<Step>(rows[i], rows[i + Step], std::make_integer_sequence<int, kLanes>{});
    }
  }
  if constexpr (Step > 1) transpose_steps<Step / 2>(rows);
}

}  // namespace detail

// Transposes a square of 32-bit units: 2 x 2 blocks of halves, then of quarters, and so on.
inline void transpose(Vec (&rows)[kLanes]) {
  detail::transpose_steps<kLanes / 2>(rows);
}

// to[c * to_stride + r] = from(r)[c] for r < rows <= kLanes and all c < columns; the places
// r >= rows become 0. `load_row(r, c, n)` gives n units of row r from column c, zeros after them.
template <class F>
inline void transpose_rows(Index rows, Index columns, const F& load_row, float* to,
                           Index to_stride) {
  for (Index c = 0; c < columns; c += kLanes) {
    const Index n = min(kLanes, columns - c);
    Vec square[kLanes];
    if (rows == kLanes && n == kLanes) {
#pragma GCC unroll 16
      for (int r = 0; r < kLanes; ++r) square[r] = load_row(Index{r}, c, Index{kLanes});
    } else {
      for (int r = 0; r < kLanes; ++r) square[r] = r < rows ? load_row(Index{r}, c, n) : Vec{};
    }
    transpose(square);
    if (n == kLanes) {
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(to + (c + i) * to_stride, square[i]);
    } else {
      for (Index i = 0; i < n; ++i) store(to + (c + i) * to_stride, square[i]);
    }
  }
}

}  // namespace llmops::tensor::LLMOPS_ISA
