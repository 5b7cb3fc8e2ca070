#pragma once

#include "tensor/kernels/cpu/vec.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

// The inner loop of every matrix product: R rows times V vectors of columns held in registers.
namespace llmops::tensor::LLMOPS_ISA {

// What one step of the inner dimension is: a float, or a pair of bfloat16 that the processor
// multiplies and adds in one instruction.
struct FloatStep {
  using Unit = float;
  static constexpr int kElements = 1;
  static Vec broadcast(const Unit* p) { return splat(*p); }
  static Vec load(const Unit* p) { return LLMOPS_ISA::load(p); }
  static Vec add_product(Vec sum, Vec a, Vec b) { return sum + a * b; }
};

#if defined(__AVX512BF16__)
struct PairStep {
  using Unit = std::uint32_t;
  static constexpr int kElements = 2;
  static Vec broadcast(const Unit* p) { return cast<Vec>(Words{} + *p); }
  static Vec load(const Unit* p) { return LLMOPS_ISA::load(reinterpret_cast<const float*>(p)); }
  static Vec add_product(Vec sum, Vec a, Vec b) {
    return cast<Vec>(_mm512_dpbf16_ps(cast<__m512>(sum), cast<__m512bh>(a), cast<__m512bh>(b)));
  }
};
#endif

// sum[r][v] += sum over i < k of a(r, i) * b[i][v], where a(r, i) is the address of a unit.
template <class Step, int R, int V, class A>
inline void multiply(Index k, const A& a, const typename Step::Unit* b, Index b_stride,
                     Vec (&sum)[R][V]) {
  for (Index i = 0; i < k; ++i, b += b_stride) {
    Vec column[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) column[v] = Step::load(b + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec row = Step::broadcast(a(r, i));
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
