#include <omp.h>

#include "tensor/kernels/cpu/pack.h"
#include "tensor/kernels/cpu/parallel.h"
#include "tensor/kernels/cpu/raw.h"
#include "tensor/kernels/cpu/scratch.h"
#include "tensor/kernels/cpu/tile.h"

// Matrix products after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication"
// (2008): b is packed into strips as wide as a register tile, a into panels as high as one, and
// tiles run over steps of k. Each element of c is summed by one thread in the order of k, so the
// result depends neither on the number of threads nor on the alignment of the operands.
namespace llmops::tensor::LLMOPS_ISA {

// Does the product when it is one for gemm_few_rows.cpp.
bool gemm_few_rows(const cpu::GemmCall& call);

namespace {

using cpu::GemmCall;

// Floats in b's packed block, and in the float copy of a bfloat16 c: a few MB, shared by threads.
constexpr Index kPackedFloats = Index{1} << 20;
constexpr Index kMostPanels = 8;  // of a, worked on against one strip of b: they stay in L2

// One block: all rows, columns [column, column + columns), steps [step, step + steps) of k.
template <class Step>
struct Block {
  const GemmCall& call;
  Index column, columns, k, size, steps;  // k and size in elements, steps in units
  bool first, last;                       // of the blocks along k
  const typename Step::Unit* packed_b;
  float* sums;  // where tiles go: c itself, or the float copy of a bfloat16 c
  Index sums_stride;
};

enum class Start { kZero, kBias, kSums };

template <class Step, int R, int V, class A>
inline void run_tile(const Block<Step>& block, const A& a, const typename Step::Unit* strip,
                     Start start, const float* bias, float* sums, Index columns) {
  constexpr Index kWidth = Index{V} * kLanes;
  const Index stride = block.sums_stride;
  Vec sum[R][V];
  float edge[R][kWidth];  // the tile when fewer columns are left than it is wide
  if (columns < kWidth) {
    for (int r = 0; r < R; ++r) {
      for (Index c = 0; c < kWidth; ++c)
        edge[r][c] = c < columns && start == Start::kSums ? sums[r * stride + c] : 0.0f;
    }
  }
  const bool whole = columns == kWidth;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const float* from = whole ? sums + r * stride + v * kLanes : edge[r] + v * kLanes;
      sum[r][v] = start == Start::kZero   ? Vec{}
                  : start == Start::kBias ? load(bias + v * kLanes)
                                          : load(from);
    }
  }
  multiply<Step, R, V>(block.steps, a, strip, kWidth, sum);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      store(whole ? sums + r * stride + v * kLanes : edge[r] + v * kLanes, sum[r][v]);
    }
  }
  if (whole) return;
  for (int r = 0; r < R; ++r) {
    for (Index c = 0; c < columns; ++c) sums[r * stride + c] = edge[r][c];
  }
}

template <class Step, int V>
void run_tile_rows(const Block<Step>& block, const PackedA<typename Step::Unit>& a, Index panel,
                   const typename Step::Unit* strip, Start start, const float* bias, float* sums,
                   Index columns) {
  with_constant<kTileRows>(a.panel_rows(panel), [&](auto rows) {
    constexpr int R = decltype(rows)::value;
    if (a.by_step) {
      run_tile<Step, R, V>(block, ByStep{a.panel(panel)}, strip, start, bias, sums, columns);
    } else {
      run_tile<Step, R, V>(block, ByRow{a.panel(panel)}, strip, start, bias, sums, columns);
    }
  });
}

// Rows [row, row + rows) against strips [strip, strip_end) of the block.
template <class Step>
void run_rows(const Block<Step>& block, Index row, Index rows, Index strip, Index strip_end) {
  const GemmCall& call = block.call;
  using Unit = typename Step::Unit;
  PackedA<Unit> a(rows, call.a_k != 1,
                  cpu::scratch_array<Unit>(cpu::Slot::kPackedA,
                                           PackedA<Unit>::size(rows, call.a_k != 1, block.steps)),
                  block.steps);
  pack_a<Step>(call, row, block.k, block.size, a);
  const Start start = !block.first || (call.accumulate && !call.c.bf16) ? Start::kSums
                      : call.bias                                       ? Start::kBias
                                                                        : Start::kZero;
  for (; strip < strip_end; ++strip) {
    const Index begin = strip * kStripColumns;
    const Index columns = min(kStripColumns, block.columns - begin);
    const Unit* packed = block.packed_b + begin * block.steps;
    float bias[kStripColumns] = {};
    if (start == Start::kBias) {
      for (Index c = 0; c < columns; ++c) bias[c] = call.bias[block.column + begin + c];
    }
    for (Index panel = 0; panel < a.panels; ++panel) {
      float* sums = block.sums + (row + a.first_row(panel)) * block.sums_stride + begin;
      if (columns > kLanes) {
        run_tile_rows<Step, 2>(block, a, panel, packed, start, bias, sums, columns);
      } else {
        run_tile_rows<Step, 1>(block, a, panel, packed, start, bias, sums, columns);
      }
    }
  }
}

// Rounds finished sums into a bfloat16 c, adding what it held with `accumulate`.
template <class Step>
void finish_rows(const Block<Step>& block, Index row, Index rows, Index begin, Index end) {
  const GemmCall& call = block.call;
  for (Index r = row; r < row + rows; ++r) {
    const float* from = block.sums + r * block.sums_stride + begin;
    BFloat16* to = static_cast<BFloat16*>(call.c.data) + r * call.n + block.column + begin;
    each_vector(end - begin, [&](Index i, Index n) {
      Vec sum = load_n(from + i, n);
      if (call.accumulate) sum += load_n(to + i, n);
      store_n(to + i, sum, n);
    });
  }
}

struct Split {
  Index row_parts, strip_parts;
};

// Parts enough that threads finish together, large enough that packing a part of a pays.
Split split_work(const GemmCall& call, Index strips, Index threads) {
  const Index panels = ceil_div(call.m, kTileRows);
  Index row_parts = ceil_div(panels, kMostPanels);
  if (threads > 1) row_parts = max(row_parts, min(4 * threads, ceil_div(panels, 2)));
  const Index strip_parts =
      row_parts >= 2 * threads || threads == 1 ? 1 : min(strips, ceil_div(2 * threads, row_parts));
  return {row_parts, strip_parts};
}

template <class Step>
void run_gemm(const GemmCall& call) {
  using Unit = typename Step::Unit;
  constexpr Index kUnit = Step::kElements;
  const Index k_blocks = max(1, ceil_div(call.k, kMostSteps * kUnit));
  const Index k_size = max(kUnit, round_up(ceil_div(call.k, k_blocks), kUnit));
  const bool copies = call.c.bf16;
  Index n_size = round_down(kPackedFloats / (k_size / kUnit), kStripColumns);
  if (copies)
    n_size = min(n_size, round_down(max(kPackedFloats / call.m, kStripColumns), kStripColumns));
  n_size = min(n_size, round_up(call.n, kStripColumns));
  Unit* packed_b = cpu::scratch_array<Unit>(cpu::Slot::kPackedB, n_size * (k_size / kUnit));
  float* copy = copies ? cpu::scratch_array<float>(cpu::Slot::kSums, call.m * n_size) : nullptr;

  const Index threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  const bool one_column_block = n_size >= call.n;
#pragma omp parallel num_threads(static_cast <int>(threads)) if (threads > 1)
  for (Index column = 0; column < call.n; column += n_size) {
    for (Index k_block = 0; k_block < k_blocks; ++k_block) {
      const Index k = k_block * k_size, k_end = min(call.k, k + k_size);
      Block<Step> block{.call = call,
                        .column = column,
                        .columns = min(n_size, call.n - column),
                        .k = k,
                        .size = max(0, k_end - k),
                        .steps = ceil_div(max(0, k_end - k), kUnit),
                        .first = k_block == 0,
                        .last = k_block + 1 == k_blocks,
                        .packed_b = packed_b,
                        .sums = copies ? copy : static_cast<float*>(call.c.data) + column,
                        .sums_stride = copies ? n_size : call.n};
      const Index strips = ceil_div(block.columns, kStripColumns);
#pragma omp for schedule(static)
      for (Index strip = 0; strip < strips; ++strip) {
        pack_b<Step>(call, k, k_end, column + strip * kStripColumns,
                     packed_b + strip * kStripColumns * block.steps);
      }
      const Split split = split_work(call, strips, threads);
#pragma omp for schedule(dynamic)
      for (Index part = 0; part < split.row_parts * split.strip_parts; ++part) {
        const Index row_part = part / split.strip_parts, strip_part = part % split.strip_parts;
        const Index row = call.m * row_part / split.row_parts;
        const Index rows = call.m * (row_part + 1) / split.row_parts - row;
        const Index strip = strips * strip_part / split.strip_parts;
        const Index strip_end = strips * (strip_part + 1) / split.strip_parts;
        run_rows(block, row, rows, strip, strip_end);
        if (!block.last) continue;
        if (copies) {
          finish_rows(block, row, rows, strip * kStripColumns,
                      min(strip_end * kStripColumns, block.columns));
        }
        if (call.rows_done && one_column_block && split.strip_parts == 1) {
          call.rows_done(call.context, row, row + rows);
        }
      }
    }
  }
  const Split split = split_work(call, ceil_div(call.n, kStripColumns), threads);
  if (call.rows_done && !(one_column_block && split.strip_parts == 1)) {
    parallel_for(call.m, 8, [&](Index b, Index e) { call.rows_done(call.context, b, e); });
  }
}

}  // namespace

void gemm(const GemmCall& call) {
  if (call.m == 0 || call.n == 0 || gemm_few_rows(call)) return;
#if defined(__AVX512BF16__)
  if (call.a.bf16 && call.b.bf16) return run_gemm<PairStep>(call);
#endif
  run_gemm<FloatStep>(call);
}

}  // namespace llmops::tensor::LLMOPS_ISA
