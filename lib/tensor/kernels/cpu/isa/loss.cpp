#include "tensor/kernels/cpu/isa/math.h"
#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/isa/with_type.h"

namespace llmops::tensor::LLMOPS_ISA {
namespace {

constexpr float kLowest = -3.40282347e38f;

template <class T>
float row_max(const T* row, Index columns) {
  Vec highest = splat(kLowest);
  each_vector(columns,
              [&](Index i, Index n) { highest = at_least(highest, load_n(row + i, n, kLowest)); });
  return max_lanes(highest);
}

// exp(row - highest), stored through `keep`; returns the sum. Rows are long (V): the lanes' sums
// are flushed often enough that float accumulation stays near its rounding error.
template <class T, class F>
float row_exp_sum(const T* row, Index columns, float highest, const F& keep) {
  double total = 0;
  for (Index begin = 0; begin < columns; begin += 4096) {
    Vec sum{};
    each_vector(min(4096, columns - begin), [&](Index i, Index n) {
      const Vec e = exp(load_n(row + begin + i, n, kLowest) - splat(highest));
      keep(begin + i, n, e);
      sum += e;
    });
    total += static_cast<double>(sum_lanes(sum));
  }
  return static_cast<float>(total);
}

template <class T>
void one_row(T* row, Index columns, std::int32_t target, bool gradient, float scale, float& loss) {
  if (target < 0) {
    loss = 0;
    if (gradient) __builtin_memset(row, 0, static_cast<std::size_t>(columns) * sizeof(T));
    return;
  }
  const float highest = row_max(row, columns);
  const float at_target = load_some(row + target, 1)[0];
  if (!gradient) {
    const float sum = row_exp_sum(row, columns, highest, [](Index, Index, Vec) {});
    loss = highest + __builtin_logf(sum) - at_target;
    return;
  }
  // The float gradient is made in place: exponentials first, their scaled values next. Rounding
  // exponentials to bfloat16 on the way would cost bits, so there they are computed again.
  constexpr bool kInPlace = sizeof(T) == sizeof(float);
  const float sum = row_exp_sum(row, columns, highest, [&](Index i, Index n, Vec e) {
    if constexpr (kInPlace) store_n(row + i, e, n);
  });
  loss = highest + __builtin_logf(sum) - at_target;
  const Vec factor = splat(scale / sum);
  float target_gradient = scale * (__builtin_expf(at_target - highest) / sum - 1.0f);
  each_vector(columns, [&](Index i, Index n) {
    const Vec v = load_n(row + i, n);
    store_n(row + i, (kInPlace ? v : exp(v - splat(highest))) * factor, n);
  });
  store_some(row + target, splat(target_gradient), 1);
}

}  // namespace

void cross_entropy(cpu::Act logits, Index rows, Index columns, const std::int32_t* targets,
                   bool gradient, float scale, float* losses) {
  with_type(logits, [&](auto* data) {
    parallel_for(rows, ceil_div(4096, columns), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        one_row(data + r * columns, columns, targets[r], gradient, scale, losses[r]);
      }
    });
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
