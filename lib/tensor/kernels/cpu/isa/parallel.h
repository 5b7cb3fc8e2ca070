#pragma once

#include <omp.h>

#include "tensor/kernels/cpu/isa/vec.h"

namespace llmops::tensor::LLMOPS_ISA {

// body(begin, end) over parts of [0, count) of at least `grain`; which thread runs a part never
// changes a result. One part, on this thread, inside a parallel region.
template <class F>
inline void parallel_for(Index count, Index grain, const F& body) {
  if (count <= 0) return;
  const Index threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  const Index parts = min(threads, max(1, count / max(1, grain)));
  if (parts == 1) {
    body(Index{0}, count);
    return;
  }
  // By the whole team, though some have nothing to do: a smaller one would end threads that the
  // next operation must start again.
#pragma omp parallel for schedule(static)
  for (Index part = 0; part < parts; ++part) {
    body(count * part / parts, count * (part + 1) / parts);
  }
}

// task(i) for every i < count, which may differ much in their time.
template <class F>
inline void parallel_tasks(Index count, const F& task) {
  if (omp_in_parallel() || omp_get_max_threads() == 1) {
    for (Index i = 0; i < count; ++i) task(i);
    return;
  }
#pragma omp parallel for schedule(dynamic)
  for (Index i = 0; i < count; ++i) task(i);
}

}  // namespace llmops::tensor::LLMOPS_ISA
