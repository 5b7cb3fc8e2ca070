#pragma once

#include <cstdint>
#include <utility>

// Vectors of the instruction set this file is compiled for. Every file under cpu/ that includes
// this is compiled once per instruction set, with LLMOPS_ISA naming the namespace; it uses no
// inline function or template from outside that namespace, since the linker keeps one copy of
// those and could keep one with instructions that this processor lacks.
#ifndef LLMOPS_ISA
#define LLMOPS_ISA generic
#endif

namespace llmops::tensor::LLMOPS_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

using Index = std::int64_t;
using Vec = float __attribute__((vector_size(4 * kLanes)));
using Ints = std::int32_t __attribute__((vector_size(4 * kLanes)));
using Words = std::uint32_t __attribute__((vector_size(4 * kLanes)));
using Halves = std::uint16_t __attribute__((vector_size(2 * kLanes)));

struct BFloat16 {
  std::uint16_t bits;
};

template <class To, class From>
inline To cast(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}

inline Index min(Index a, Index b) {
  return a < b ? a : b;
}
inline Index max(Index a, Index b) {
  return a > b ? a : b;
}
inline Index ceil_div(Index a, Index b) {
  return (a + b - 1) / b;
}
inline Index round_up(Index a, Index b) {
  return ceil_div(a, b) * b;
}
inline Index round_down(Index a, Index b) {
  return a / b * b;
}

// Spelled out, so that the compiler sees a broadcast: adding x to a zero vector is an addition.
inline Vec splat(float x) {
#if defined(__AVX512F__)
  return Vec{x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
#elif defined(__AVX2__)
  return Vec{x, x, x, x, x, x, x, x};
#else
  return Vec{x, x, x, x};
#endif
}

inline Vec load(const float* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline Vec load(const BFloat16* p) {
  Halves h;
  __builtin_memcpy(&h, p, sizeof h);
  return cast<Vec>(__builtin_convertvector(h, Words) << 16);
}
inline void store(float* p, Vec v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// Nearest even; a NaN stays one.
inline Halves round_halves(Vec v) {
  const Words bits = cast<Words>(v);
  const Words rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  const Words result = cast<Ints>(v != v) ? Words{} + 0x7FC0u : rounded;
  return __builtin_convertvector(result, Halves);
}
inline void store(BFloat16* p, Vec v) {
  const Halves h = round_halves(v);
  __builtin_memcpy(p, &h, sizeof h);
}

// The first n < kLanes elements; the others are `rest`.
template <class T>
inline Vec load_some(const T* p, Index n, float rest = 0) {
  T padded[kLanes];
  store(padded, splat(rest));
  for (Index i = 0; i < n; ++i) padded[i] = p[i];
  return load(padded);
}
template <class T>
inline void store_some(T* p, Vec v, Index n) {
  T padded[kLanes];
  store(padded, v);
  for (Index i = 0; i < n; ++i) p[i] = padded[i];
}

// NaN in x is kept, NaN in the bound is not.
inline Vec at_least(Vec x, Vec bound) {
  return x < bound ? bound : x;
}
inline Vec at_most(Vec x, Vec bound) {
  return x > bound ? bound : x;
}

inline Vec select(Ints mask, Vec yes, Vec no) {
  return mask ? yes : no;
}

// The mask of the lanes whose index, counted from `first`, is in [low, high].
inline Ints in_range(Index first, Index low, Index high) {
  Ints lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  const Ints from = Ints{} + static_cast<std::int32_t>(max(low - first, 0));
  const Ints to = Ints{} + static_cast<std::int32_t>(min(high - first, kLanes));
  return (lane >= from) & (lane <= to);
}

// The reductions join halves, quarters …: one fixed order.
template <int Half, int... Lane, class F>
inline float join_lanes(Vec v, std::integer_sequence<int, Lane...> lanes, const F& join) {
  v = join(v, __builtin_shufflevector(v, v, (Lane ^ Half)...));
  if constexpr (Half > 1) {
    return join_lanes<Half / 2>(v, lanes, join);
  } else {
    return v[0];
  }
}
inline float sum_lanes(Vec v) {
  return join_lanes<kLanes / 2>(v, std::make_integer_sequence<int, kLanes>{},
                                [](Vec a, Vec b) { return a + b; });
}
inline float max_lanes(Vec v) {
  return join_lanes<kLanes / 2>(v, std::make_integer_sequence<int, kLanes>{}, at_least);
}

// visit(i, n) for every whole vector (n = kLanes) of a row of `size` elements, then for the rest.
template <class F>
inline void each_vector(Index size, const F& visit) {
  Index i = 0;
  for (; i + kLanes <= size; i += kLanes) visit(i, Index{kLanes});
  if (i < size) visit(i, size - i);
}
template <class T>
inline Vec load_n(const T* p, Index n, float rest = 0) {
  return n == kLanes ? load(p) : load_some(p, n, rest);
}
template <class T>
inline void store_n(T* p, Vec v, Index n) {
  n == kLanes ? store(p, v) : store_some(p, v, n);
}

}  // namespace llmops::tensor::LLMOPS_ISA
