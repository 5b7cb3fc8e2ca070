#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/isa/with_type.h"

namespace llmops::tensor::LLMOPS_ISA {

void embed(Index rows, Index columns, const std::int32_t* ids, const std::int32_t* positions,
           cpu::Act wte, cpu::Act wpe, float* out) {
  parallel_for(rows, 8192 / columns, [&](Index begin, Index end) {
    const auto add = [&](const cpu::Act& table, const std::int32_t* places, bool first) {
      with_type(table, [&](const auto* data) {
        for (Index r = begin; r < end; ++r) {
          const auto* from = data + places[r] * columns;
          float* to = out + r * columns;
          each_vector(columns, [&](Index i, Index n) {
            const Vec v = load_n(from + i, n);
            store_n(to + i, first ? v : load_n(to + i, n) + v, n);
          });
        }
      });
    };
    add(wte, ids, true);
    if (wpe.data) add(wpe, positions, false);
  });
}

// Threads share the columns, not the rows: each element of the table is summed in row order.
void embed_backward(Index rows, Index columns, const std::int32_t* ids, const float* dout,
                    float* table) {
  const Index vectors = ceil_div(columns, kLanes);
  parallel_for(vectors, max(1, 16384 / max(1, rows)), [&](Index first, Index last) {
    const Index begin = first * kLanes, size = min(columns, last * kLanes) - begin;
    for (Index r = 0; r < rows; ++r) {
      float* to = table + ids[r] * columns + begin;
      const float* from = dout + r * columns + begin;
      each_vector(size, [&](Index i, Index n) {
        store_n(to + i, load_n(to + i, n) + load_n(from + i, n), n);
      });
    }
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
