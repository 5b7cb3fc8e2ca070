#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arch/transformer_config.h"
#include "base/json.h"
#include "data/batch.h"
#include "tensor/model/weights.h"
#include "tests/unit/tensor/model/passes.h"

namespace llmops::tensor {

// One of tests/golden/model_*.json: a tiny model as transformers computes it.
struct Golden {
  Json json;
  arch::TransformerConfig config;
  data::Batch batch;
  std::unique_ptr<Weights> weights;
};
Golden load_golden(const std::string& name, bool bf16 = false);

// Of our flat gradient buffer against the file's gradients.
Difference gradient_difference(const Golden& golden, const Tensor& flat_gradients);

}  // namespace llmops::tensor
