#pragma once

#include <cstdint>
#include <functional>

#include "tensor/kernels/kernels.h"
#include "tensor/model/activations.h"
#include "tensor/model/kv_pool.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

// The passes of one transformer over one shard, written out over the shard's buffers. Nothing is
// allocated. A shard's results depend on its rows alone, never on how a batch was cut into shards.

// The sequences whose tokens a pass without training runs, one sequence after the other, and where
// their keys and values are.
struct CachedPass {
  CachedSequences sequences;
  KvPool& pool;
};

// Input of the passes over a shard besides weights and rows. A dropout of 0 turns it off.
struct PassContext {
  double dropout = 0;
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  std::int64_t first_row = 0;  // of the shard within the step's global batch, in sequences
  // Asked between layers and chunks of logits, on the thread of the shard; true gives the pass up.
  std::function<bool()> give_up = {};
  const CachedPass* cached = nullptr;  // null: attention within the rows of the shard

  bool given_up() const { return give_up && give_up(); }
};

// Runs the blocks on activations.ids; leaves activations.norm_final. False when it was given up,
// as of all passes.
bool forward(const Kernels& kernels, const arch::TransformerConfig& config,
             const ModelTensors& weights, Activations& activations, const PassContext& context);

// After forward: losses of all targets (float [N], 0 without a target), and with `scale` != 0 the
// gradient of scale * sum(losses) through the head: activations.dnorm receives the part for
// norm_final, if anything below trains; the head's gradient is accumulated. Logits exist for a
// chunk of rows at a time.
bool head_loss(const Kernels& kernels, const ModelTensors& weights, Activations& activations,
               float scale, ModelTensors* gradients, const PassContext& context);

// From activations.dnorm (gradient of norm_final) to all gradients, which are accumulated, down to
// the lowest layer that trains: undefined gradients are those of what is frozen.
bool backward(const Kernels& kernels, const arch::TransformerConfig& config, plan::Recompute mode,
              const ModelTensors& weights, Activations& activations, const PassContext& context,
              ModelTensors& gradients);

}  // namespace llmops::tensor
