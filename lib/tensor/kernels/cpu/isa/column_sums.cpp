#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/isa/with_type.h"

namespace llmops::tensor::LLMOPS_ISA {

// Threads share the columns, and each column is summed in the order of its rows: neither the
// threads nor the number of rows in a call change the result.
void column_sums(cpu::Act x, Index rows, Index columns, float* sums) {
  constexpr Index kVectors = 4, kStrip = kVectors * kLanes;  // of a row, in registers
  with_type(x, [&](auto* data) {
    const auto sum_strip = [&](Index begin) {
      Vec total[kVectors];
      for (Index v = 0; v < kVectors; ++v) total[v] = load(sums + begin + v * kLanes);
      for (Index r = 0; r < rows; ++r) {
        const auto* from = data + r * columns + begin;
        for (Index v = 0; v < kVectors; ++v) total[v] += load_n(from + v * kLanes, kLanes);
      }
      for (Index v = 0; v < kVectors; ++v) store(sums + begin + v * kLanes, total[v]);
    };
    const auto sum_rest = [&](Index begin) {
      each_vector(columns - begin, [&](Index i, Index n) {
        Vec total = load_n(sums + begin + i, n);
        for (Index r = 0; r < rows; ++r) total += load_n(data + r * columns + begin + i, n);
        store_n(sums + begin + i, total, n);
      });
    };
    const Index grain = 16384 / max(1, rows * kStrip);
    parallel_for(ceil_div(columns, kStrip), grain, [&](Index first, Index last) {
      for (Index strip = first; strip < last; ++strip) {
        const Index begin = strip * kStrip;
        begin + kStrip <= columns ? sum_strip(begin) : sum_rest(begin);
      }
    });
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
