#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arch/transformer_config.h"
#include "base/json.h"
#include "data/batch.h"
#include "plan/buffers.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

// One of tests/golden/model_*.json: a tiny model as transformers computes it.
struct Golden {
  Json json;
  arch::TransformerConfig config;
  data::Batch batch;
  std::unique_ptr<Weights> weights;
};
Golden load_golden(const std::string& name, bool bf16 = false);

// The largest difference over the largest reference value, and where the tensor is called.
struct Difference {
  double relative = 0;
  std::string where;
};
// Of our flat gradient buffer against the file's gradients.
Difference gradient_difference(const Golden& golden, const Tensor& flat_gradients);

plan::ActivationShape shape_of(const data::Batch& batch, plan::Recompute recompute);

}  // namespace llmops::tensor
