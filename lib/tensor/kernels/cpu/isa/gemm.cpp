#include <omp.h>

#include "tensor/kernels/cpu/isa/pack.h"
#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/isa/prefetch.h"
#include "tensor/kernels/cpu/isa/tile.h"
#include "tensor/kernels/cpu/raw.h"
#include "tensor/kernels/cpu/scratch.h"

// Matrix products after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication"
// (2008): b is packed into strips as wide as a register tile, a into panels as high as one, and
// tiles run over steps of k. A small operand stays where it is. While a tile computes, it asks for
// what the thread reads and writes next. Each element of c is summed by one thread in the order of
// k, so the result depends neither on the number of threads, nor on the alignment of the operands,
// nor on the other rows.
namespace llmops::tensor::LLMOPS_ISA {

// Does the product when it is one for gemm_rows.cpp.
bool gemm_rows(const cpu::GemmCall& call);

namespace {

using cpu::GemmCall;

// Floats in b's packed block, and in the float copy of a bfloat16 c: a few MB, shared by threads.
constexpr Index kPackedFloats = Index{1} << 20;
constexpr Index kMostPanels = 16;  // of a, worked on against one strip of b: they stay in L2
constexpr Index kFewPanels = 32;
// Steps of a tile between two looks ahead. The more often, the fewer lines are asked for at a time,
// which AMD's processors want; on Intel's the interruption costs more.
Index steps_of_a_turn() {
  static const Index steps = __builtin_cpu_is("intel") ? 64 : 16;
  return steps;
}
// A block of an operand up to this size stays in L2 and L3 after its first use: copying it would
// not pay, unless its rows fall into one set of the L1 cache. Of rows of a that are contiguous, a
// panel reads so few that they need no bound.
constexpr Index kInPlaceBytes = Index{2} << 20, kCacheSetBytes = 4096;

template <class Step>
bool in_place(const cpu::Act& operand, Index rows, Index row_size) {
  return Step::kElements == 1 && !operand.bf16 && rows * row_size * 4 <= kInPlaceBytes &&
         row_size * 4 % kCacheSetBytes != 0;
}
template <class Step>
bool a_in_place(const GemmCall& call) {
  // Rows of pairs lie in memory as the tiles read them, but for the last of an odd number.
  if (Step::kElements == 2) {
    return call.a_k == 1 && call.k % 2 == 0 && call.a_row % 2 == 0 &&
           call.a_row * 2 % kCacheSetBytes != 0;
  }
  return call.a_k == 1 ? in_place<Step>(call.a, 1, call.k) : in_place<Step>(call.a, call.k, call.m);
}
template <class Step>
bool b_in_place(const GemmCall& call) {
  return call.b_column == 1 && call.n % kLanes == 0 &&
         in_place<Step>(call.b, min(call.k, kMostSteps), call.n);
}

// One block: all rows, columns [column, column + columns), steps [step, step + steps) of k.
template <class Step>
struct Block {
  const GemmCall& call;
  Index column, columns, k, size, steps;  // k and size in elements, steps in units
  Index turn;                             // of steps_of_a_turn()
  bool first, last;                       // of the blocks along k
  typename Step::Unit* packed_b;          // null: b is read in place
  float* sums;  // where tiles go: c itself, or the float copy of a bfloat16 c
  Index sums_stride;

  Index strips() const { return ceil_div(columns, kStripColumns); }
  Index strip_columns(Index strip) const {
    return max(0, min(kStripColumns, columns - strip * kStripColumns));
  }
  Index turns() const { return ceil_div(steps, turn); }
};

// A strip of b: its units, and the distance of two steps.
template <class Unit>
struct Strip {
  const Unit* data;
  Index stride;
};

template <class Step>
Strip<typename Step::Unit> strip_of(const Block<Step>& block, Index strip) {
  const Index begin = strip * kStripColumns;
  if constexpr (Step::kElements == 1) {
    const GemmCall& call = block.call;
    if (!block.packed_b) {
      const float* b = static_cast<const float*>(call.b.data);
      return {b + block.k * call.b_k + block.column + begin, call.b_k};
    }
  }
  return {block.packed_b + begin * block.steps,
          block.strip_columns(strip) > kLanes ? kStripColumns : Index{kLanes}};
}

template <class Step>
void pack_strip(const Block<Step>& block, Index strip) {
  const Index begin = strip * kStripColumns;
  pack_b<Step>(block.call, block.k, block.k + block.size, block.column + begin,
               block.packed_b + begin * block.steps);
}

// Rows [row, row + rows) against strips [strip, strip_end).
struct Part {
  Index row = 0, rows = 0, strip = 0, strip_end = 0;
};

const char* address(const cpu::Act& x, Index element) {
  return static_cast<const char*>(x.data) + element * (x.bf16 ? 2 : 4);
}

// The block's steps of a's rows of `part`.
template <class Step>
Prefetch ahead_of_a(const Block<Step>& block, const Part& part, Index turns) {
  const GemmCall& call = block.call;
  const Index bytes = call.a.bf16 ? 2 : 4;
  const char* from = address(call.a, part.row * call.a_row + block.k * call.a_k);
  return call.a_k == 1 ? Prefetch(from, part.rows, block.size * bytes, call.a_row * bytes, turns)
                       : Prefetch(from, block.size, part.rows * bytes, call.a_k * bytes, turns);
}

template <class Step>
Prefetch ahead_of_b(const Block<Step>& block, Index strip, Index turns) {
  const GemmCall& call = block.call;
  const Index bytes = call.b.bf16 ? 2 : 4, columns = block.strip_columns(strip);
  const Index column = block.column + strip * kStripColumns;
  const char* from = address(call.b, block.k * call.b_k + column * call.b_column);
  return call.b_k == 1 ? Prefetch(from, columns, block.size * bytes, call.b_column * bytes, turns)
                       : Prefetch(from, block.size, columns * bytes, call.b_k * bytes, turns);
}

// A packed strip: since it was packed or last read, others may have pushed it out of L2.
template <class Step>
Prefetch ahead_of_copy(const Block<Step>& block, Index strip, Index turns) {
  const Index units =
      block.steps * min(kStripColumns, round_up(block.strip_columns(strip), kLanes));
  return Prefetch(block.packed_b + strip * kStripColumns * block.steps, 1,
                  units * Index{sizeof(typename Step::Unit)}, 0, turns);
}

struct LookAhead {
  Prefetch a, b, c;
  [[gnu::always_inline]] void fetch() {
    a.fetch();
    b.fetch();
    c.fetch();
  }
};

enum class Start { kZero, kBias, kSums };

template <class Step, int R, int V, class A>
inline void run_tile(const Block<Step>& block, A a, const Strip<typename Step::Unit>& strip,
                     Start start, const float* bias, float* sums, Index columns, LookAhead& ahead) {
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
  for (Index i = 0; i < block.steps; i += block.turn) {
    multiply<Step, R, V>(min(block.turn, block.steps - i), a, strip.data + i * strip.stride,
                         strip.stride, sum);
    ahead.fetch();
  }
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
void run_tile_rows(const Block<Step>& block, const Panels<typename Step::Unit>& a, Index panel,
                   const Strip<typename Step::Unit>& strip, Start start, const float* bias,
                   float* sums, Index columns, LookAhead& ahead) {
  with_constant<kTileRows>(a.panel_rows(panel), [&](auto rows) {
    constexpr int R = decltype(rows)::value;
    if (a.by_step) {
      run_tile<Step, R, V>(block, Steps{a.start(panel), a.stride}, strip, start, bias, sums,
                           columns, ahead);
    } else {
      run_tile<Step, R, V>(block, Rows<typename Step::Unit, R>(a.start(panel), a.stride), strip,
                           start, bias, sums, columns, ahead);
    }
  });
}

// The panels of the part's rows, copied if need be.
template <class Step>
Panels<typename Step::Unit> panels_of(const Block<Step>& block, const Part& part) {
  using Unit = typename Step::Unit;
  const GemmCall& call = block.call;
  Panels<Unit> panels(part.rows, call.a_k != 1);
  if (a_in_place<Step>(call)) {
    const Index row = call.a_row / Step::kElements;
    panels.data =
        reinterpret_cast<const Unit*>(address(call.a, part.row * call.a_row + block.k * call.a_k));
    panels.stride = panels.by_step ? call.a_k : row;
    panels.row_distance = panels.by_step ? 1 : row;
    return panels;
  }
  panels.panel_distance = panels.copied_panel(block.steps);
  panels.stride = panels.by_step ? kStepStride : kRowStride;
  Unit* copy = cpu::scratch_array<Unit>(cpu::Slot::kPackedA, panels.count * panels.panel_distance);
  pack_a<Step>(call, part.row, block.k, block.size, panels, copy);
  panels.data = copy;
  return panels;
}

// `next` is the part that this thread will probably do next; `packs` strips of b one by one.
template <class Step>
void run_part(const Block<Step>& block, const Part& part, const Part& next, bool packs) {
  const GemmCall& call = block.call;
  const auto a = panels_of(block, part);
  const Start start = !block.first || call.accumulate ? Start::kSums
                      : call.bias                     ? Start::kBias
                                                      : Start::kZero;
  const Index turns = block.turns();
  const auto sums_at = [&](Index panel, Index strip) {
    return block.sums + (part.row + a.first_row(panel)) * block.sums_stride + strip * kStripColumns;
  };
  LookAhead ahead;
  ahead.a = ahead_of_a(block, next, turns * a.count * (part.strip_end - part.strip));
  for (Index strip = part.strip; strip < part.strip_end; ++strip) {
    if (packs) pack_strip(block, strip);
    if (packs || (!block.packed_b && part.row == 0)) {
      ahead.b = ahead_of_b(block, strip + 1, turns * a.count);
    } else if (block.packed_b) {
      ahead.b = ahead_of_copy(block, strip + 1 < part.strip_end ? strip + 1 : next.strip,
                              turns * a.count);
    }
    const Index columns = block.strip_columns(strip);
    const Strip units = strip_of(block, strip);
    float bias[kStripColumns] = {};
    if (start == Start::kBias) {
      const float* from = call.bias + block.column + strip * kStripColumns;
      for (Index c = 0; c < columns; ++c) bias[c] = from[c];
    }
    for (Index panel = 0; panel < a.count; ++panel) {
      const bool more = panel + 1 < a.count;
      const Index next_panel = more ? panel + 1 : 0, next_strip = more ? strip : strip + 1;
      ahead.c = Prefetch(sums_at(next_panel, next_strip), a.panel_rows(next_panel),
                         block.strip_columns(next_strip) * 4, block.sums_stride * 4, turns);
      if (columns > kLanes) {
        run_tile_rows<Step, 2>(block, a, panel, units, start, bias, sums_at(panel, strip), columns,
                               ahead);
      } else {
        run_tile_rows<Step, 1>(block, a, panel, units, start, bias, sums_at(panel, strip), columns,
                               ahead);
      }
    }
  }
}

// Rounds finished sums into a bfloat16 c.
template <class Step>
void finish_rows(const Block<Step>& block, const Part& part) {
  const GemmCall& call = block.call;
  const Index begin = part.strip * kStripColumns;
  const Index end = min(part.strip_end * kStripColumns, block.columns);
  for (Index r = part.row; r < part.row + part.rows; ++r) {
    const float* from = block.sums + r * block.sums_stride + begin;
    BFloat16* to = static_cast<BFloat16*>(call.c.data) + r * call.n + block.column + begin;
    each_vector(end - begin, [&](Index i, Index n) { store_n(to + i, load_n(from + i, n), n); });
  }
}

struct Split {
  Index row_parts, strip_parts;

  Index parts() const { return row_parts * strip_parts; }
  // Empty past the last.
  Part part(const GemmCall& call, Index strips, Index index) const {
    if (index >= parts()) return {};
    const Index r = index / strip_parts, s = index % strip_parts;
    const Index row = call.m * r / row_parts;
    return {row, call.m * (r + 1) / row_parts - row, strips * s / strip_parts,
            strips * (s + 1) / strip_parts};
  }
};

// Parts enough that threads finish together, large enough that packing a part of a pays. Each part
// of the rows reads all of b: few rows are cut along b instead.
Split split_work(const GemmCall& call, Index strips, Index threads) {
  const Index panels = ceil_div(call.m, kTileRows);
  Index row_parts = ceil_div(panels, kMostPanels);
  if (threads > 1 && panels >= kFewPanels)
    row_parts = max(row_parts, min(4 * threads, ceil_div(panels, 2)));
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
  Unit* packed_b = nullptr;
  if (!b_in_place<Step>(call))
    packed_b = cpu::scratch_array<Unit>(cpu::Slot::kPackedB, n_size * (k_size / kUnit));
  float* copy = copies ? cpu::scratch_array<float>(cpu::Slot::kSums, call.m * n_size) : nullptr;

  const Index threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  const Index turn = steps_of_a_turn();
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
                        .turn = turn,
                        .first = k_block == 0,
                        .last = k_block + 1 == k_blocks,
                        .packed_b = packed_b,
                        .sums = copies ? copy : static_cast<float*>(call.c.data) + column,
                        .sums_stride = copies ? n_size : call.n};
      if (packed_b && threads > 1) {
#pragma omp for schedule(static)
        for (Index strip = 0; strip < block.strips(); ++strip) pack_strip(block, strip);
      }
      const Split split = split_work(call, block.strips(), threads);
#pragma omp for schedule(monotonic : dynamic)  // one thread packs b during its first part
      for (Index index = 0; index < split.parts(); ++index) {
        const Part part = split.part(call, block.strips(), index);
        const Part next = split.part(call, block.strips(), index + threads);
        run_part(block, part, next, packed_b && threads == 1 && part.row == 0);
        if (!block.last) continue;
        if (copies) {
          finish_rows(block, part);
        }
        if (call.rows_done && one_column_block && split.strip_parts == 1) {
          call.rows_done(call.context, part.row, part.row + part.rows);
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
  if (call.m == 0 || call.n == 0 || gemm_rows(call)) return;
#if defined(__AVX512BF16__)
  if (call.a.bf16 && call.b.bf16) return run_gemm<PairStep>(call);
#endif
  run_gemm<FloatStep>(call);
}

}  // namespace llmops::tensor::LLMOPS_ISA
