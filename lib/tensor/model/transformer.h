#pragma once

#include <cstdint>

#include "tensor/kernels/kernels.h"
#include "tensor/model/activations.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

// The passes of one transformer over one shard, written out over the shard's buffers. Nothing is
// allocated. A shard's results depend on its rows alone, never on how a batch was cut into shards.

// Where a shard stands, for dropout; p = 0 turns it off.
struct DropoutPlace {
  double p = 0;
  std::uint64_t seed = 0;
  std::uint64_t micro_batch = 0;  // counted over the whole run
  std::int64_t first_row = 0;     // of the shard within the micro batch, in sequences
};

// Runs the blocks on activations.ids; leaves activations.norm_final.
void forward(const Kernels& kernels, const arch::TransformerConfig& config,
             const ModelTensors& weights, Activations& activations, const DropoutPlace& dropout);

// After forward: losses of all targets (float [N], 0 without a target), and with `scale` != 0 the
// gradient of scale * sum(losses) through the head: activations.dnorm receives the part for
// norm_final, the head's gradient is accumulated. Logits exist for a chunk of rows at a time.
void head_loss(const Kernels& kernels, const ModelTensors& weights, Activations& activations,
               float scale, ModelTensors* gradients);

// From activations.dnorm (gradient of norm_final) to all gradients, which are accumulated.
void backward(const Kernels& kernels, const arch::TransformerConfig& config, plan::Recompute mode,
              const ModelTensors& weights, Activations& activations, const DropoutPlace& dropout,
              ModelTensors& gradients);

}  // namespace llmops::tensor
