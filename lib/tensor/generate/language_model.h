#pragma once

#include <cstdint>
#include <memory>

#include "engine/model.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

// A model over weights that live elsewhere (the views keep their storage alive): a loaded folder,
// or the weights of a run in training. `cache_bytes` bounds the keys and values of all requests; 0
// means a quarter of the memory that is free, between one and 64 texts of the model's length.
std::unique_ptr<engine::Model> make_model(const arch::TransformerConfig& config,
                                          const ModelTensors& weights, bool bf16,
                                          std::int64_t cache_bytes = 0);

}  // namespace llmops::tensor
