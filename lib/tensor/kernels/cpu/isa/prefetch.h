#pragma once

#include "tensor/kernels/cpu/isa/vec.h"

namespace llmops::tensor::LLMOPS_ISA {

// A rectangle of memory that is used soon: asked for a few cache lines at a time while registers
// compute, it has arrived when it is needed. Asked for at once, the lines would fill the
// processor's queue of misses, and the loads of the computation would wait behind them.
class Prefetch {
 public:
  Prefetch() = default;
  // Rows of `row_bytes`, `stride` bytes apart, in `turns` calls of fetch.
  Prefetch(const void* first, Index rows, Index row_bytes, Index stride, Index turns)
      : row_(static_cast<const char*>(first)),
        rows_(rows),
        row_bytes_(row_bytes),
        stride_(stride),
        lines_(ceil_div(rows * ceil_div(row_bytes, kLine), max(1, turns))) {}

  // Inline always: a call would spill the registers that hold the sums.
  [[gnu::always_inline]] void fetch() {
    for (Index line = 0; line < lines_ && rows_ > 0; ++line) {
      __builtin_prefetch(row_ + at_);
      at_ += kLine;
      if (at_ < row_bytes_) continue;
      at_ = 0;
      row_ += stride_;
      --rows_;
    }
  }

 private:
  static constexpr Index kLine = 64;
  const char* row_ = nullptr;
  Index rows_ = 0, row_bytes_ = 0, stride_ = 0, at_ = 0;
  Index lines_ = 0;  // of one turn
};

}  // namespace llmops::tensor::LLMOPS_ISA
