#pragma once

#include "tensor/kernels/cpu/isa/vec.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

// The inner loop of every matrix product: R rows times V vectors of columns held in registers.
namespace llmops::tensor::LLMOPS_ISA {

// One step of the inner dimension: a float, or a pair of bfloat16 that the processor multiplies and
// adds in one instruction.
struct FloatStep {
  using Unit = float;
  static constexpr int kElements = 1;
  static Vec broadcast(const Unit* p) { return splat(*p); }
  template <class T>
  static Vec load(const T* p) {
    return LLMOPS_ISA::load(p);
  }
  static Vec add_product(Vec sum, Vec a, Vec b) { return sum + a * b; }
};

#if defined(__AVX512BF16__)
struct PairStep {
  using Unit = std::uint32_t;
  static constexpr int kElements = 2;
  static Vec broadcast(const Unit* p) {
    Unit pair;  // in place they are bfloat16, which need not be aligned as a pair is
    __builtin_memcpy(&pair, p, sizeof pair);
    return cast<Vec>(Words{} + pair);
  }
  static Vec load(const Unit* p) { return LLMOPS_ISA::load(reinterpret_cast<const float*>(p)); }
  static Vec add_product(Vec sum, Vec a, Vec b) {
    return cast<Vec>(_mm512_dpbf16_ps(cast<__m512>(sum), cast<__m512bh>(a), cast<__m512bh>(b)));
  }
};
#endif

// A step of rows that are each contiguous: unit r is `stride` units after unit r - 1. Every fifth
// row has a pointer of its own, and the processor's addressing forms reach the others from there,
// so that all rows together take few registers.
template <class Unit, int R>
struct Rows {
  static constexpr int kGroup = 5, kGroups = (R + kGroup - 1) / kGroup;
  const char* first[kGroups];
  Index stride, stride3;  // in bytes

  // Element is what `elements`, the distance of two rows, counts: the unit or a part of it.
  template <class Element>
  Rows(const Element* data, Index elements)
      : stride(elements * Index{sizeof(Element)}), stride3(3 * elements * Index{sizeof(Element)}) {
#pragma GCC unroll 16
    for (int g = 0; g < kGroups; ++g) {
      first[g] = reinterpret_cast<const char*>(data) + g * kGroup * stride;
      asm("" : "+r"(first[g]));  // hides that it is an offset, which would take a register a row
    }
    asm("" : "+r"(stride3));
  }
  const Unit* unit(int r) const {
    const Index at = r % kGroup == 3 ? stride3 : r % kGroup * stride;
    return reinterpret_cast<const Unit*>(first[r / kGroup] + at);
  }
  void advance() {
#pragma GCC unroll 16
    for (int g = 0; g < kGroups; ++g) first[g] += sizeof(Unit);
  }
};

// A step whose units lie side by side; the next is `stride` units on.
template <class Unit>
struct Steps {
  const Unit* data;
  Index stride;

  const Unit* unit(int r) const { return data + r; }
  void advance() { data += stride; }
};
template <class Unit>
Steps(const Unit*, Index) -> Steps<Unit>;

// sum[r][v] += the sum over k steps of a's unit r * b's vector v. Leaves `a` at the step after.
template <class Step, int R, int V, class A, class B>
[[gnu::always_inline]] inline void multiply(Index k, A& a, const B* b, Index b_stride,
                                            Vec (&sum)[R][V]) {
  for (Index i = 0; i < k; ++i, b += b_stride, a.advance()) {
    Vec column[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) column[v] = Step::load(b + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec row = Step::broadcast(a.unit(r));
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) sum[r][v] = Step::add_product(sum[r][v], row, column[v]);
    }
  }
}

// Calls f with an integral constant equal to `value`, 1 <= value <= Max.
template <int N>
struct Constant {
  static constexpr int value = N;
};
template <int Max, class F>
inline void with_constant(Index value, const F& f) {
  if constexpr (Max == 1) {
    f(Constant<1>{});
  } else {
    if (value == Max) {
      f(Constant<Max>{});
    } else {
      with_constant<Max - 1>(value, f);
    }
  }
}

}  // namespace llmops::tensor::LLMOPS_ISA
