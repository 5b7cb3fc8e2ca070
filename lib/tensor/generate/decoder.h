#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/kernels/kernels.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

// Keys and values of one sequence: per layer [K, capacity, D], `length` positions filled.
struct KvCache {
  std::vector<Tensor> keys, values;
  std::int64_t length = 0, capacity = 0;
};

// Runs tokens through the blocks with what a cache remembers of the tokens before them. Buffers
// are allocated per call: decoding is bound by reading the weights. A call that throws leaves the
// length of every cache as it was.
class Decoder {
 public:
  Decoder(const arch::TransformerConfig& config, const ModelTensors& weights, bool bf16);

  KvCache make_cache(std::int64_t capacity);
  // Fills an empty cache with the ids; returns the logits after the last one, float [V] on the
  // host.
  std::vector<float> prefill(KvCache& cache, std::span<const std::int32_t> ids);
  // One more token for each sequence: logits of each, float [sequences][V].
  std::vector<std::vector<float>> step(std::span<KvCache* const> caches,
                                       std::span<const std::int32_t> ids);

 private:
  // Attention of one layer: reads qkv, extends the caches, writes out.
  template <typename Attend>
  Tensor run(const Tensor& ids, const Tensor& positions, const Attend& attend);
  void extend_rope(std::int64_t length);
  void attend_cached(const Tensor& qkv, KvCache& cache, std::size_t layer, Tensor& out) const;

  arch::TransformerConfig config_;
  ModelTensors weights_;
  const Kernels& kernels_;
  at::TensorOptions float_, act_, int_;
  Tensor rope_cos_, rope_sin_;  // for the longest cache so far
};

}  // namespace llmops::tensor
