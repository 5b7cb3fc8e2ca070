#pragma once

#include "tensor/kernels/cpu/isa/panels.h"
#include "tensor/kernels/cpu/isa/transpose.h"
#include "tensor/kernels/cpu/raw.h"

// The operands of a matrix product in the order in which the tiles read them: in place, or copied.
// A unit is what one step of the inner dimension reads: a float (bfloat16 is widened) or a pair of
// bfloat16.
namespace llmops::tensor::LLMOPS_ISA {

inline float widen(const float* p) {
  return *p;
}
inline float widen(const BFloat16* p) {
  return cast<float>(static_cast<std::uint32_t>(p->bits) << 16);
}

template <class T>
inline void pack_rows(const T* from, Index stride, Index rows, Index size, float* to) {
  for (Index r = 0; r < rows; ++r) {
    each_vector(size, [&](Index i, Index n) {
      store_n(to + r * kRowStride + i, load_n(from + r * stride + i, n), n);
    });
  }
}
// A step of a panel is copied in whole vectors, past its last row, where that stays inside a.
constexpr Index kStepCopy = (kTileRows + kLanes - 1) / kLanes * kLanes;
static_assert(kStepCopy <= kStepStride);
template <class T>
inline void pack_steps(const T* from, Index stride, Index rows, Index size, float* to) {
  for (Index i = 0; i < size; ++i) {
    const T* step = from + i * stride;
    if (i * stride + kStepCopy <= (size - 1) * stride + rows) {
      for (Index r = 0; r < kStepCopy; r += kLanes) store(to + i * kStepStride + r, load(step + r));
    } else {
      for (Index r = 0; r < rows; ++r) to[i * kStepStride + r] = widen(step + r);
    }
  }
}

#if defined(__AVX512BF16__)
inline std::uint32_t pair(BFloat16 low, BFloat16 high) {
  return low.bits | static_cast<std::uint32_t>(high.bits) << 16;
}
inline void pack_rows(const BFloat16* from, Index stride, Index rows, Index size,
                      std::uint32_t* to) {
  for (Index r = 0; r < rows; ++r) {
    const BFloat16* row = from + r * stride;
    __builtin_memcpy(to + r * kRowStride, row, static_cast<std::size_t>(size / 2) * 4);
    if (size % 2) to[r * kRowStride + size / 2] = row[size - 1].bits;
  }
}
inline void pack_steps(const BFloat16* from, Index stride, Index rows, Index size,
                       std::uint32_t* to) {
  const BFloat16 zero{};
  for (Index i = 0; i < size; i += 2, to += kStepStride) {
    const BFloat16 *low = from + i * stride, *high = low + stride;
    if ((i + 1) * stride + kStepCopy <= (size - 1) * stride + rows) {
      const Words both = (cast<Words>(load(low)) >> 16) | cast<Words>(load(high));
      __builtin_memcpy(to, &both, sizeof both);
    } else {
      for (Index r = 0; r < rows; ++r) to[r] = pair(low[r], i + 1 < size ? high[r] : zero);
    }
  }
}
#endif

template <class Unit, class T>
inline void pack_a_as(const T* from, Index row_stride, Index k_stride, Index size,
                      const Panels<Unit>& panels, Unit* to) {
  for (Index p = 0; p < panels.count; ++p, to += panels.panel_distance) {
    const Index row = panels.first_row(p), rows = panels.panel_rows(p);
    if (panels.by_step) {
      pack_steps(from + row, k_stride, rows, size, to);
    } else {
      pack_rows(from + row * row_stride, row_stride, rows, size, to);
    }
  }
}

// Rows [row, row + panels.rows), steps [k, k + size) of call.a.
template <class Step, class Unit>
inline void pack_a(const cpu::GemmCall& call, Index row, Index k, Index size,
                   const Panels<Unit>& panels, Unit* to) {
  const Index offset = row * call.a_row + k * call.a_k;
  if constexpr (Step::kElements == 1) {
    if (!call.a.bf16) {
      return pack_a_as(static_cast<const float*>(call.a.data) + offset, call.a_row, call.a_k, size,
                       panels, to);
    }
  }
  pack_a_as(static_cast<const BFloat16*>(call.a.data) + offset, call.a_row, call.a_k, size, panels,
            to);
}

// A strip of b, [steps][width] with width kLanes or 2 kLanes: b row-major …
template <class T>
inline void pack_strip_rows(const T* from, Index stride, Index size, Index columns, Index width,
                            float* to) {
  for (Index i = 0; i < size; ++i, from += stride, to += width) {
    for (Index c = 0; c < width; c += kLanes) {
      const Index n = min(kLanes, columns - c);
      store(to + c, n > 0 ? load_n(from + c, n) : Vec{});
    }
  }
}
// … or each of its columns contiguous.
template <class T>
inline void pack_strip_columns(const T* from, Index stride, Index size, Index columns, Index width,
                               float* to) {
  for (Index c = 0; c < width; c += kLanes) {
    const T* base = from + c * stride;
    transpose_rows(
        min(kLanes, columns - c), size,
        [&](Index r, Index i, Index n) { return load_n(base + r * stride + i, n); }, to + c, width);
  }
}

#if defined(__AVX512BF16__)
inline void pack_strip_rows(const BFloat16* from, Index stride, Index size, Index columns,
                            Index width, std::uint32_t* to) {
  for (Index i = 0; i < size; i += 2, from += 2 * stride, to += width) {
    for (Index c = 0; c < width; c += kLanes) {
      const Index n = min(kLanes, columns - c);
      Words low{}, high{};
      if (n > 0) low = cast<Words>(load_n(from + c, n)) >> 16;
      if (n > 0 && i + 1 < size) high = cast<Words>(load_n(from + stride + c, n));
      const Words both = low | high;
      __builtin_memcpy(to + c, &both, sizeof both);
    }
  }
}
inline void pack_strip_columns(const BFloat16* from, Index stride, Index size, Index columns,
                               Index width, std::uint32_t* to) {
  for (Index c = 0; c < width; c += kLanes) {
    const BFloat16* base = from + c * stride;
    transpose_rows(
        min(kLanes, columns - c), ceil_div(size, 2),
        [&](Index r, Index i, Index n) {
          const BFloat16* row = base + r * stride;
          if (i + kLanes <= size / 2) return load(reinterpret_cast<const float*>(row + 2 * i));
          std::uint32_t pairs[kLanes] = {};
          const Index whole = min(n, size / 2 - i);
          __builtin_memcpy(pairs, row + 2 * i, static_cast<std::size_t>(whole) * 4);
          if (whole < n) pairs[whole] = row[size - 1].bits;
          return cast<Vec>(pairs);
        },
        reinterpret_cast<float*>(to + c), width);
  }
}
#endif

// Columns [column, …) of the strip, steps [k, k_end) of call.b; places beyond b become zero.
template <class Step>
inline void pack_b(const cpu::GemmCall& call, Index k, Index k_end, Index column,
                   typename Step::Unit* to) {
  const Index columns = min(kStripColumns, call.n - column), size = k_end - k;
  const Index width = columns > kLanes ? kStripColumns : kLanes;
  const Index offset = k * call.b_k + column * call.b_column;
  const auto pack = [&](const auto* data) {
    if (call.b_k == 1 && call.b_column != 1) {
      pack_strip_columns(data + offset, call.b_column, size, columns, width, to);
    } else {
      pack_strip_rows(data + offset, call.b_k, size, columns, width, to);
    }
  };
  if constexpr (Step::kElements == 1) {
    if (!call.b.bf16) return pack(static_cast<const float*>(call.b.data));
  }
  pack(static_cast<const BFloat16*>(call.b.data));
}

}  // namespace llmops::tensor::LLMOPS_ISA
