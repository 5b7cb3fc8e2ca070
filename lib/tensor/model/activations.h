#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "data/batch.h"
#include "plan/buffers.h"
#include "tensor/kernels/kernels.h"

namespace llmops::tensor {

// Tensors that a block keeps for its backward pass. With recomputation, blocks share them.
// Legend: N rows of tokens, C hidden, Q = (H + 2K) D, F intermediate.
struct LayerActivations {
  Tensor x_in;  // float [N, C], the residual stream before the block
  Tensor norm1, mean1, rstd1;
  Tensor qkv;             // [N, Q], q and k already rotated
  Tensor attention, lse;  // [N, H D], float [B, H, T]; without lse where nothing is kept
  Tensor x_mid;           // float [N, C], the residual stream between the branches
  Tensor norm2, mean2, rstd2;
  Tensor mlp_pre, mlp_act;  // [N, F or 2F], [N, F]
};

// All buffers of one shard: up to `rows` sequences of `length` tokens at a time, allocated once
// from the plan's list, in one piece.
struct Activations {
  std::int64_t rows = 0, length = 0;
  Tensor arena;                    // bytes
  Tensor ids, positions, targets;  // int32 [N]
  Tensor segment_rows;             // int32 [N], the memory of segments.start
  Segments segments;
  std::vector<LayerActivations> layers;
  Tensor x_final, norm_final, mean_final, rstd_final;
  Tensor delta;  // [N, C], what a branch adds to the residual stream
  Tensor dresidual, dresidual_act, dnorm, dattention, dqkv, dmlp_pre, dmlp_act;
  // Of a tied embedding: gradients of lookups, [distinct tokens of a step, C], and each token's row
  // there, int32 [N]. Undefined: they are added to the embedding's gradient at once.
  Tensor lookup, slots;
  Tensor logits;  // [chunk rows, V]
  Tensor losses;  // float [N]

  Activations(const arch::TransformerConfig& config, const std::vector<plan::Buffer>& buffers,
              std::int64_t rows, std::int64_t length, const at::Device& device,
              plan::Precision precision);

  // Copies the batch to the device. It may have fewer rows than there is space for: the rest has no
  // targets then, and what it computes adds zeros to gradients.
  void set_batch(const data::Batch& batch);
  // Adds the lookups of all batches since the last call to the embedding's gradient [V, C].
  void add_lookups(Tensor& gradient);
  void discard_lookups();
  // The same buffers for a pass of fewer tokens; only those that are not for training.
  Activations first(std::int64_t tokens) const;

 private:
  void assign_slots(const std::vector<std::int32_t>& inputs);

  void set_segments(const data::Batch& batch);

  std::vector<std::int32_t> slot_of_id_;  // -1: none yet
  std::vector<std::int32_t> slot_ids_;    // by slot
};

// Copies ids of the host to the first elements of an int32 tensor.
void copy_ids(Tensor& to, std::span<const std::int32_t> from);

}  // namespace llmops::tensor
