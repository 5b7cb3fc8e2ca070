#pragma once

#include "arch/transformer_config.h"
#include "data/batch.h"
#include "tensor/model/transformer.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

// A transformer in float64, written down as the formula and differentiated by autograd.
struct Reference {
  Tensor logits;  // [B T, V]
  double loss_sum = 0;
  Tensor gradients;  // flat, of scale * loss_sum
};
Reference reference(const arch::TransformerConfig& config, const Tensor& flat,
                    const data::Batch& batch, double scale, const PassContext& dropout = {});

}  // namespace llmops::tensor
