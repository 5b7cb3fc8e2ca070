#pragma once

#include <string>

#include "data/batch.h"
#include "tensor/model/transformer.h"
#include "tests/unit/tensor/compare.h"

namespace llmops::tensor {

// One forward and backward of the written-out model, as a training step runs it.
struct Passes {
  plan::Recompute recompute = plan::Recompute::kOff;
  int shards = 1;  // computed side by side, in a thread each
  PassContext dropout = {};
};
struct Computed {
  Tensor logits;  // float [B T, V]
  double loss_sum = 0;
  Tensor gradients;  // flat, of scale * loss_sum
};
Computed compute(const Kernels& kernels, Weights& weights, const data::Batch& batch, double scale,
                 const Passes& passes = {});

// The logits of every position of one text, float [T, V], as a training step computes them.
Tensor forward_logits(const Kernels& kernels, Weights& weights,
                      const std::vector<std::int32_t>& ids);

// The largest difference (compare.h) of one weight's gradient, and which weight it is.
struct Difference {
  double relative = 0;
  std::string where;
};
Difference worst_difference(const arch::ParameterLayout& layout, const Tensor& a, const Tensor& b);

}  // namespace llmops::tensor
