#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "arch/transformer_config.h"
#include "plan/plan.h"

namespace llmops::plan {

// One buffer of the activations. The memory estimate sums this list and the tensor library
// allocates from it, so the two cannot differ.
struct Buffer {
  enum Type { kFloat, kActivation, kInt32 };  // kActivation: bf16 when mixed, else float

  std::string name;
  Type type = kFloat;
  std::vector<std::int64_t> shape;
  bool per_layer = false;  // exists once per block

  bool operator==(const Buffer&) const = default;
};

// What the activations of one shard depend on besides the model.
struct ActivationShape {
  std::int64_t rows = 0, length = 0;  // B sequences of T tokens
  std::int64_t loss_chunk_rows = 0;
  std::int64_t lookup_rows = 0;  // tokens whose embeddings' gradients are kept apart
  Precision precision = Precision::kFp32;
  Recompute recompute = Recompute::kOff;
  bool training = true;  // false: one block's set and no gradients
};
std::vector<Buffer> activation_buffers(const arch::TransformerConfig& config,
                                       const ActivationShape& shape);
// Of a model that scores `rows` sequences.
ActivationShape scoring_shape(std::int64_t rows, std::int64_t length, Precision precision);
// Of one shard of the plan.
std::vector<Buffer> activation_buffers(const arch::TransformerConfig& config, const Plan& plan);

// Every buffer starts on a line of this many bytes.
constexpr std::int64_t kBufferAlignment = 64;
// Of one instance of the buffer, rounded up to the alignment.
std::int64_t bytes_of(const Buffer& buffer, Precision precision);

}  // namespace llmops::plan
