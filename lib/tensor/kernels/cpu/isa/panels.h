#pragma once

#include "tensor/kernels/cpu/isa/vec.h"

// The sizes of tiles and of the pieces of a product's operands that they read.
namespace llmops::tensor::LLMOPS_ISA {

#if defined(__AVX512F__)
constexpr int kTileRows = 14;  // 28 sums, 2 columns and a row of the 32 registers
#else
constexpr int kTileRows = 6;  // 12 sums, 2 columns and a row of the 16 registers
#endif
constexpr Index kStripColumns = 2 * kLanes;
constexpr Index kMostSteps = 512;

// Strides within a copied panel. Rows at a multiple of 4096 bytes would share one set of the L1
// cache.
constexpr Index kRowStride = kMostSteps + 16, kStepStride = 16;

// Panels of rows of a, evenly high, each with its rows or its steps together.
template <class Unit>
struct Panels {
  Index rows, count;
  bool by_step;
  const Unit* data = nullptr;
  Index stride = 0;                            // of rows or of steps
  Index row_distance = 0, panel_distance = 0;  // one of them: in place, or copied

  Panels(Index all_rows, bool steps_together)
      : rows(all_rows), count(ceil_div(all_rows, kTileRows)), by_step(steps_together) {}

  Index first_row(Index panel) const { return rows * panel / count; }
  Index panel_rows(Index panel) const { return first_row(panel + 1) - first_row(panel); }
  const Unit* start(Index panel) const {
    return data + first_row(panel) * row_distance + panel * panel_distance;
  }
  Index copied_panel(Index steps) const {
    return by_step ? steps * kStepStride : kTileRows * kRowStride;
  }
};

}  // namespace llmops::tensor::LLMOPS_ISA
