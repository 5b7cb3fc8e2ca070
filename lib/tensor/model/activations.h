#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "data/batch.h"
#include "plan/buffers.h"

namespace llmops::tensor {

using at::Tensor;

// What a block keeps for its backward pass. With recomputation several blocks name one tensor.
// Legend: N rows of tokens, C hidden, Q = (H + 2K) D, F intermediate.
struct LayerActivations {
  Tensor x_in;  // float [N, C], the residual stream before the block
  Tensor norm1, mean1, rstd1;
  Tensor qkv;             // [N, Q], q and k already rotated
  Tensor attention, lse;  // [N, H D], float [B, H, T]
  Tensor x_mid;           // float [N, C], the residual stream between the branches
  Tensor norm2, mean2, rstd2;
  Tensor mlp_pre, mlp_act;  // [N, F or 2F], [N, F]
};

// All buffers of one shard: up to `rows` sequences of `length` tokens at a time, allocated once
// from the plan's list, in one piece.
struct Activations {
  std::int64_t rows = 0, length = 0;
  Tensor arena;                              // bytes
  Tensor ids, positions, segments, targets;  // int32 [N]; segments undefined unless segmented
  std::vector<LayerActivations> layers;
  Tensor x_final, norm_final, mean_final, rstd_final;
  Tensor delta;  // [N, C], what a branch adds to the residual stream
  Tensor dresidual, dresidual_act, dnorm, dattention, dqkv, dmlp_pre, dmlp_act;
  // Of a tied embedding: gradients of lookups, [distinct tokens of a step, C], and each token's row
  // there, int32 [N]. Undefined: they are added to the embedding's gradient at once.
  Tensor lookup, slots;
  Tensor logits;  // [chunk rows, V]
  Tensor losses;  // float [N]
  Tensor rope_cos, rope_sin;

  Activations(const arch::TransformerConfig& config, const std::vector<plan::Buffer>& buffers,
              std::int64_t rows, std::int64_t length, const at::Device& device,
              plan::Precision precision);

  // Copies the batch to the device. It may have fewer rows than there is space for: the rest has no
  // targets then, and what it computes adds zeros to gradients.
  void set_batch(const data::Batch& batch);
  // Adds the lookups of all batches since the last call to the embedding's gradient [V, C].
  void add_lookups(Tensor& gradient);
  void discard_lookups();

 private:
  void assign_slots(const std::vector<std::int32_t>& inputs);

  Tensor segment_storage_;
  std::vector<std::int32_t> slot_of_id_;  // -1: none yet
  std::vector<std::int32_t> slot_ids_;    // by slot
};

// Angles position * theta^(-2i/D) for all positions: cos and sin, float [positions, D/2].
void fill_rope(Tensor& cos, Tensor& sin, double theta, std::int64_t head_dim);

}  // namespace llmops::tensor
