#include "tensor/kernels/cpu/acts.h"
#include "tensor/kernels/cpu/parallel.h"
#include "tensor/kernels/cpu/tile.h"

// A product with a handful of rows, as in generation, reads every weight once: it is bound by
// memory, and packing would read and write them again.
namespace llmops::tensor::LLMOPS_ISA {
namespace {

using cpu::GemmCall;

#if defined(__AVX512F__)
constexpr int kColumns = 4;
#else
constexpr int kColumns = 2;
#endif

template <int R, int C, class A, class B>
void dot_products(const GemmCall& call, const A* a, const B* b, float (&sums)[R][C]) {
  Vec sum[R][C] = {};
  each_vector(call.k, [&](Index i, Index n) {
    Vec row[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) row[r] = load_n(a + r * call.a_row + i, n);
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) {
      const Vec column = load_n(b + c * call.b_column + i, n);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) sum[r][c] += row[r] * column;
    }
  });
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < C; ++c) sums[r][c] = sum_lanes(sum[r][c]);
  }
}

template <class T>
void put(const GemmCall& call, T* c, Index row, Index column, float sum) {
  T* to = c + row * call.n + column;
  if (call.bias) sum += call.bias[column];
  if (call.accumulate) sum += load_some(to, 1)[0];
  store_some(to, splat(sum), 1);
}

template <class A, class B>
void columns(const GemmCall& call, const A* a, const B* b, Index begin, Index end) {
  with_constant<4>(call.m, [&](auto rows) {
    constexpr int R = decltype(rows)::value;
    for (Index column = begin; column < end; column += kColumns) {
      with_constant<kColumns>(min(kColumns, end - column), [&](auto width) {
        constexpr int C = decltype(width)::value;
        float sums[R][C];
        dot_products<R, C>(call, a, b + column * call.b_column, sums);
        with_type(call.c, [&](auto* c) {
          for (int r = 0; r < R; ++r) {
            for (int i = 0; i < C; ++i) put(call, c, r, column + i, sums[r][i]);
          }
        });
      });
    }
  });
}

}  // namespace

bool gemm_few_rows(const GemmCall& call) {
  if (call.m > 4 || call.a_k != 1 || call.b_k != 1) return false;
  with_type(call.a, [&](auto* a) {
    with_type(call.b, [&](auto* b) {
      parallel_for(call.n, ceil_div(65536, max(1, call.k)),
                   [&](Index begin, Index end) { columns(call, a, b, begin, end); });
    });
  });
  if (call.rows_done) call.rows_done(call.context, 0, call.m);
  return true;
}

}  // namespace llmops::tensor::LLMOPS_ISA
