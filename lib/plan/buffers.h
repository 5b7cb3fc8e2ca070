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
  // False: the tokens of any sequences in one row, with keys and values elsewhere; one block's set,
  // no gradients and logits in float.
  bool training = true;
};
std::vector<Buffer> activation_buffers(const arch::TransformerConfig& config,
                                       const ActivationShape& shape);
// Of a model that scores or generates: passes of up to `tokens` tokens, of which `logit_rows` have
// logits at a time.
ActivationShape inference_shape(std::int64_t tokens, std::int64_t logit_rows, Precision precision);
// Of one shard of the plan.
std::vector<Buffer> activation_buffers(const arch::TransformerConfig& config, const Plan& plan);

// Keys and values are kept in pages of this many tokens. A page of one layer has K D P keys and
// K P padded_head_dim() values of the activation type.
constexpr std::int64_t kPageTokens = 64;
std::int64_t pages_for(std::int64_t tokens);
std::int64_t padded_head_dim(const arch::TransformerConfig& config);
std::int64_t page_bytes(const arch::TransformerConfig& config, std::int64_t layers,
                        Precision precision);
// The longest pass when a model scores, in tokens, unless one sequence is longer; and how many
// rows of logits it has at a time.
constexpr std::int64_t kScoredTokens = 8192, kScoredLogits = 512;
// The longest pass of a step of generation, in tokens, unless it is told another.
constexpr std::int64_t kStepTokens = 2048;

// Every buffer starts on a line of this many bytes.
constexpr std::int64_t kBufferAlignment = 64;
// Of one instance of the buffer, rounded up to the alignment.
std::int64_t bytes_of(const Buffer& buffer, Precision precision);

}  // namespace llmops::plan
