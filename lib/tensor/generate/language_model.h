#pragma once

#include <memory>

#include "engine/model.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

// A model over weights that live elsewhere (the views keep their storage alive): a loaded folder,
// or the weights of a run in training.
std::unique_ptr<engine::Model> make_model(const arch::TransformerConfig& config,
                                          const ModelTensors& weights, bool bf16);

}  // namespace llmops::tensor
