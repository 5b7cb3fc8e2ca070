#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/isa/tile.h"
#include "tensor/kernels/cpu/isa/transpose.h"
#include "tensor/kernels/cpu/isa/with_type.h"
#include "tensor/kernels/cpu/scratch.h"

// y = x w^T of a handful of rows, as in generation: the product reads every weight once and is
// bound by memory, so w is transposed in registers, a square at a time, instead of being packed.
// Each element is summed in the order of k, as gemm.cpp sums it: a row has the same bits however
// many rows a product has.
namespace llmops::tensor::LLMOPS_ISA {
namespace {

using cpu::GemmCall;

#if defined(__AVX512F__)
constexpr int kMostRows = 16;
#else
constexpr int kMostRows = 8;
#endif
// Rows of w that are read next, kLanes of them, are asked for while those of now are used; they
// must find room in L2.
constexpr Index kMostAheadBytes = Index{256} << 10;
constexpr Index kTaskProducts = 1 << 16, kTasksOfAThread = 8;

// Rows of w as 32-bit units: a float, or two bfloat16.
template <class B>
constexpr Index kElements = 4 / sizeof(B);

// Units [k, k + n) of a row, zeros after them.
inline Vec load_units(const float* row, Index k, Index n) {
  return load_n(row + k, n);
}
inline Vec load_units(const BFloat16* row, Index k, Index n) {
  if (n == 2 * kLanes) return load(reinterpret_cast<const float*>(row + k));
  BFloat16 padded[2 * kLanes] = {};
  for (Index i = 0; i < n; ++i) padded[i] = row[k + i];
  return load(reinterpret_cast<const float*>(padded));
}

// Whether bfloat16 weights are widened: the processor does not multiply pairs.
template <class Step, class B>
constexpr bool kSplits = Step::kElements == 1 && kElements<B> == 2;

// sum[r] += the products of one square, whose row u is unit u of kLanes columns; x is [units][R].
template <class Step, class B, int R>
inline void add_square(const Vec (&square)[kLanes], Index units, const typename Step::Unit* x,
                       Vec (&sum)[R]) {
#pragma GCC unroll 16
  for (Index u = 0; u < units; ++u) {
    if constexpr (kSplits<Step, B>) {
      const Words pair = cast<Words>(square[u]);
      const Vec even = cast<Vec>(pair << 16), odd = cast<Vec>(pair & 0xFFFF0000u);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        sum[r] = Step::add_product(sum[r], Step::broadcast(x + 2 * u * R + r), even);
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        sum[r] = Step::add_product(sum[r], Step::broadcast(x + (2 * u + 1) * R + r), odd);
      }
    } else {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        sum[r] = Step::add_product(sum[r], Step::broadcast(x + u * R + r), square[u]);
      }
    }
  }
}

// Columns [column, column + n) of all rows; x as add_square() reads it.
template <class Step, int R, class B>
void columns(const GemmCall& call, const B* b, const typename Step::Unit* x, Index column,
             Index n) {
  constexpr Index kSquare = kLanes * kElements<B>;  // steps of k
  constexpr Index kUnitsOfX = kSplits<Step, B> ? kSquare : kLanes;
  const B* rows = b + column * call.b_column;
  const Index ahead = call.b_column * kLanes * Index{sizeof(B)} <= kMostAheadBytes
                          ? call.b_column * kLanes
                          : 8 * kSquare;
  Vec sum[R];
  for (int r = 0; r < R; ++r) {
    if (call.accumulate) {
      with_type(call.c, [&](auto* c) { sum[r] = load_n(c + r * call.n + column, n); });
    } else {
      sum[r] = call.bias ? load_n(call.bias + column, n) : Vec{};
    }
  }
  for (Index k = 0; k < call.k; k += kSquare, x += kUnitsOfX * R) {
    const Index steps = min(kSquare, call.k - k);
    Vec square[kLanes];
    if (n == kLanes && steps == kSquare) {
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        const B* row = rows + i * call.b_column;
        __builtin_prefetch(row + k + ahead, 0, 2);
        square[i] = load_units(row, k, kSquare);
      }
    } else {
      for (Index i = 0; i < kLanes; ++i) {
        square[i] = i < n ? load_units(rows + i * call.b_column, k, steps) : Vec{};
      }
    }
    transpose(square);
    if (steps == kSquare) {
      add_square<Step, B, R>(square, kLanes, x, sum);
    } else {
      add_square<Step, B, R>(square, ceil_div(steps, kElements<B>), x, sum);
    }
  }
  with_type(call.c, [&](auto* c) {
    for (int r = 0; r < R; ++r) store_n(c + r * call.n + column, sum[r], n);
  });
}

// x as units side by side, [k][rows], with zeros up to a whole square.
template <class A>
void copy_steps(const GemmCall& call, const A* a, Index padded, float* to) {
  for (Index k = 0; k < padded; ++k) {
    for (Index r = 0; r < call.m; ++r) {
      to[k * call.m + r] = k < call.k ? load_some(a + r * call.a_row + k, 1)[0] : 0.0f;
    }
  }
}
inline void copy_steps(const GemmCall& call, const BFloat16* a, Index padded, std::uint32_t* to) {
  for (Index k = 0; k < padded; k += 2) {
    for (Index r = 0; r < call.m; ++r) {
      const BFloat16* row = a + r * call.a_row + k;
      const std::uint32_t low = k < call.k ? row[0].bits : 0u,
                          high = k + 1 < call.k ? row[1].bits : 0u;
      to[k / 2 * call.m + r] = low | high << 16;
    }
  }
}

template <class Step, class A, class B>
void run(const GemmCall& call, const A* a, const B* b) {
  using Unit = typename Step::Unit;
  const Index padded = round_up(call.k, 2 * kLanes);
  Unit* copy = cpu::scratch_array<Unit>(cpu::Slot::kPackedA, padded / Step::kElements * call.m);
  copy_steps(call, a, padded, copy);
  const Unit* x = copy;
  const Index threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  const Index least = ceil_div(kTaskProducts, max(1, call.m * call.k));
  const Index chunk =
      round_up(max(least, ceil_div(call.n, threads * kTasksOfAThread)), Index{kLanes});
  with_constant<kMostRows>(call.m, [&](auto rows) {
    constexpr int R = decltype(rows)::value;
    parallel_tasks(ceil_div(call.n, chunk), [&](Index task) {
      const Index end = min(call.n, (task + 1) * chunk);
      for (Index column = task * chunk; column < end; column += kLanes) {
        columns<Step, R>(call, b, x, column, min(Index{kLanes}, end - column));
      }
    });
  });
}

}  // namespace

bool gemm_rows(const GemmCall& call) {
  if (call.m > kMostRows || call.a_k != 1 || call.b_k != 1) return false;
  with_type(call.a, [&](auto* a) {
    with_type(call.b, [&](auto* b) {
#if defined(__AVX512BF16__)
      if constexpr (sizeof(*a) == 2 && sizeof(*b) == 2) return run<PairStep>(call, a, b);
#endif
      run<FloatStep>(call, a, b);
    });
  });
  if (call.rows_done) call.rows_done(call.context, 0, call.m);
  return true;
}

}  // namespace llmops::tensor::LLMOPS_ISA
