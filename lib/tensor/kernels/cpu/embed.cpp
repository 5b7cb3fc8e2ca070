#include "tensor/kernels/cpu/acts.h"
#include "tensor/kernels/cpu/parallel.h"

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

void rope(cpu::Act qkv, const std::int32_t* positions, const float* cos, const float* sin,
          Index rows, Index rotated_heads, Index row_size, Index head_dim, bool inverse) {
  const Index half = head_dim / 2;
  const Vec sign = splat(inverse ? -1.0f : 1.0f);
  with_type(qkv, [&](auto* data) {
    parallel_for(rows, 4096 / (rotated_heads * head_dim), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const float *c_row = cos + positions[r] * half, *s_row = sin + positions[r] * half;
        for (Index h = 0; h < rotated_heads; ++h) {
          auto* first = data + r * row_size + h * head_dim;
          auto* second = first + half;
          each_vector(half, [&](Index i, Index n) {
            const Vec c = load_n(c_row + i, n), s = sign * load_n(s_row + i, n);
            const Vec a = load_n(first + i, n), b = load_n(second + i, n);
            store_n(first + i, a * c - b * s, n);
            store_n(second + i, b * c + a * s, n);
          });
        }
      }
    });
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
