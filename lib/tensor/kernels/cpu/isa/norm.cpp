#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/isa/with_type.h"
#include "tensor/kernels/cpu/scratch.h"

namespace llmops::tensor::LLMOPS_ISA {
namespace {

using cpu::NormBackwardCall;
using cpu::NormCall;

// Elements that make a part of a parallel loop worth a thread.
constexpr Index kGrain = 8192;
// Rows whose gradients of weights are summed by one thread, and how many such sums exist at a time.
constexpr Index kGroupRows = 64, kGroupsAtOnce = 64;

template <class F>
inline float sum_row(Index columns, const F& term) {
  Vec total{};
  each_vector(columns, [&](Index i, Index n) { total += term(i, n); });
  return sum_lanes(total);
}

// Lanes from n on become zero.
inline Vec first_lanes(Vec v, Index n) {
  if (n == kLanes) return v;
  float lanes[kLanes];
  store(lanes, v);
  for (Index i = n; i < kLanes; ++i) lanes[i] = 0;
  return load(lanes);
}

template <class T>
void norm_rows(const NormCall& call, T* y, const T* delta, Index begin, Index end) {
  const Index columns = call.columns;
  const float share = 1.0f / static_cast<float>(columns);
  for (Index r = begin; r < end; ++r) {
    const float* residual = call.residual + r * columns;
    float* sum = call.sum + r * columns;
    float mean = 0;
    if (delta) {
      const T* d = delta + r * columns;
      mean = share * sum_row(columns, [&](Index i, Index n) {
               const Vec v = load_n(residual + i, n) + load_n(d + i, n);
               store_n(sum + i, v, n);
               return v;
             });
    } else if (call.layer_norm) {
      mean = share * sum_row(columns, [&](Index i, Index n) { return load_n(sum + i, n); });
    }
    if (!call.layer_norm) mean = 0;
    const float variance = share * sum_row(columns, [&](Index i, Index n) {
                             const Vec v = load_n(sum + i, n) - splat(mean);
                             return first_lanes(v * v, n);
                           });
    const float rstd = 1.0f / __builtin_sqrtf(variance + call.eps);
    if (call.layer_norm) call.mean[r] = mean;
    call.rstd[r] = rstd;
    each_vector(columns, [&](Index i, Index n) {
      Vec v = (load_n(sum + i, n) - splat(mean)) * splat(rstd) * load_n(call.weight + i, n);
      if (call.bias) v += load_n(call.bias + i, n);
      store_n(y + r * columns + i, v, n);
    });
  }
}

// dweight and dbias of rows [begin, end) are added to `sums` (two rows of `columns`).
template <class T>
void backward_rows(const NormBackwardCall& call, const T* dy, T* dsum_act, float* sums, Index begin,
                   Index end) {
  const Index columns = call.columns;
  const float share = 1.0f / static_cast<float>(columns);
  float *dweight = sums, *dbias = sums + columns;
  for (Index r = begin; r < end; ++r) {
    const T* grad = dy + r * columns;
    const float* sum = call.sum + r * columns;
    float* dsum = call.dsum + r * columns;
    const Vec mean = splat(call.layer_norm ? call.mean[r] : 0.0f), rstd = splat(call.rstd[r]);
    Vec total{}, total_normal{};  // of g = dy * weight, and of g times the normalised input
    each_vector(columns, [&](Index i, Index n) {
      const Vec d = load_n(grad + i, n);
      const Vec normal = (load_n(sum + i, n) - mean) * rstd;
      const Vec g = d * load_n(call.weight + i, n);
      total += g;
      total_normal += g * normal;
      store_n(dweight + i, load_n(dweight + i, n) + d * normal, n);
      if (call.dbias) store_n(dbias + i, load_n(dbias + i, n) + d, n);
    });
    const Vec mean_g = splat(call.layer_norm ? share * sum_lanes(total) : 0.0f);
    const Vec mean_normal = splat(share * sum_lanes(total_normal));
    each_vector(columns, [&](Index i, Index n) {
      const Vec normal = (load_n(sum + i, n) - mean) * rstd;
      const Vec g = load_n(grad + i, n) * load_n(call.weight + i, n);
      const Vec v = load_n(dsum + i, n) + (g - mean_g - normal * mean_normal) * rstd;
      store_n(dsum + i, v, n);
      if (dsum_act) store_n(dsum_act + r * columns + i, v, n);
    });
  }
}

}  // namespace

void add_norm(const NormCall& call) {
  with_type(call.y, [&](auto* y) {
    const auto* delta = static_cast<decltype(y)>(call.delta.data);
    parallel_for(call.rows, kGrain / call.columns,
                 [&](Index begin, Index end) { norm_rows(call, y, delta, begin, end); });
  });
}

void norm_backward(const NormBackwardCall& call) {
  // Sums over rows go through groups of rows of one sequence, which are added in order: neither the
  // threads nor the number of sequences in a call change them.
  const Index per_sequence = ceil_div(call.length, kGroupRows), size = 2 * call.columns;
  const Index groups = call.rows / call.length * per_sequence;
  float* sums = cpu::scratch_array<float>(cpu::Slot::kSums, min(groups, kGroupsAtOnce) * size);
  for (Index wave = 0; wave < groups; wave += kGroupsAtOnce) {
    const Index count = min(kGroupsAtOnce, groups - wave);
    with_type(call.dy, [&](auto* dy) {
      auto* dsum_act = static_cast<decltype(dy)>(call.dsum_act.data);
      parallel_for(count, 1, [&](Index first, Index last) {
        for (Index i = first; i < last; ++i) {
          const Index sequence = (wave + i) / per_sequence, group = (wave + i) % per_sequence;
          const Index begin = sequence * call.length + group * kGroupRows;
          const Index end = min(begin + kGroupRows, (sequence + 1) * call.length);
          float* mine = sums + i * size;
          __builtin_memset(mine, 0, static_cast<std::size_t>(size) * sizeof(float));
          backward_rows(call, dy, dsum_act, mine, begin, end);
        }
      });
    });
    const auto add = [&](float* to, const float* from) {
      each_vector(call.columns, [&](Index i, Index n) {
        Vec total = load_n(to + i, n);
        for (Index g = 0; g < count; ++g) total += load_n(from + g * size + i, n);
        store_n(to + i, total, n);
      });
    };
    if (call.dweight) add(call.dweight, sums);
    if (call.dbias) add(call.dbias, sums + call.columns);
  }
}

}  // namespace llmops::tensor::LLMOPS_ISA
