#pragma once

#include <ATen/core/Generator.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <omp.h>

#include <vector>

#include "tests/unit/tensor/compare.h"
#include "tests/unit/tensor/tables.h"

namespace llmops::tensor {

using Tensors = std::vector<Tensor>;

// Of the order of one rounding of the type: 2^-24 and 2^-9, in sums of a few hundred terms.
inline double tolerance(at::ScalarType type) {
  return type == at::kBFloat16 ? 8e-3 : 2e-6;
}

inline Tensor normal(at::IntArrayRef shape, at::ScalarType type = at::kFloat) {
  return at::randn(shape, at::kFloat).to(type);
}
inline Tensor integers(std::int64_t bound, at::IntArrayRef shape) {
  return at::randint(bound, shape, at::kInt);
}

inline bool same_bits(const Tensors& a, const Tensors& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a[i].equal(b[i])) return false;
  }
  return a.size() == b.size();
}

// work(kernels) gives the outputs of a kernel on fixed inputs. Every table's must equal the ATen
// table's, and be the same bits again, with one thread as well, where a parallel region counts as
// one thread.
template <typename Work>
void check_tables(double bound, const Work& work) {
  const Tensors want = work(aten_kernels());
  with_each_table([&](const Kernels& kernels) {
    const Tensors got = work(kernels);
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CAPTURE(i);
      CHECK(difference(got[i], want[i]) <= bound);
    }
    CHECK(same_bits(work(kernels), got));
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    const Tensors alone = work(kernels);
    omp_set_num_threads(threads);
    Tensors inside;
#pragma omp parallel num_threads(2)
#pragma omp master
    inside = work(kernels);
    CHECK(same_bits(inside, alone));
  });
}

}  // namespace llmops::tensor
