#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "arch/transformer_config.h"

namespace llmops::tensor {

// The angles of rotary position embeddings: cosine and sine of position * theta^(-2i/D), float
// [positions, D/2]. One table serves all passes over the same weights: training, evaluation and
// generation. It has as many positions as were asked for: a model may claim far more than its texts
// have. One thread at a time.
class RopeTable {
 public:
  RopeTable(const arch::TransformerConfig& config, const at::Device& device);

  // Makes room for positions 0 to `positions` - 1. Tensors of before stay valid.
  void grow(std::int64_t positions);
  const at::Tensor& cos() const { return cos_; }
  const at::Tensor& sin() const { return sin_; }

 private:
  double theta_;
  std::int64_t head_dim_;
  at::Device device_;
  at::Tensor cos_, sin_;
};

}  // namespace llmops::tensor
