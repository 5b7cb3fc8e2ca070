#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/isa/with_type.h"

namespace llmops::tensor::LLMOPS_ISA {

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
