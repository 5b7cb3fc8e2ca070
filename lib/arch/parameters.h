#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/transformer_config.h"

namespace llmops::arch {

// The parts of a model that have weights. Shapes of the weights:
enum class Part {
  kTokenEmbedding,     // [V, C]
  kPositionEmbedding,  // [max_positions, C]
  kNorm1,              // [C]
  kQkv,                // [(H + 2K) D, C]: rows of q, then k, then v
  kOut,                // [C, H D]
  kNorm2,
  kUp,    // [F, C]; gated: [2F, C], gate rows then up rows
  kDown,  // [C, F]
  kFinalNorm,
  kHead,  // [V, C], absent when tied
};
constexpr std::size_t kParts = static_cast<std::size_t>(Part::kHead) + 1;

enum class PartKind { kEmbedding, kNorm, kLinear };

struct PartTraits {
  std::string_view name;  // in logs and in the optimizer's file
  PartKind kind;
  bool into_residual = false;  // its output is added to the residual stream
};
const PartTraits& traits(Part part);

// One tensor of the model as it is in memory: row-major [out, in], q/k/v and gate/up fused.
struct Parameter {
  Part part;
  bool bias = false;
  int layer = -1;  // -1 outside the blocks
  std::vector<std::int64_t> shape;
  std::int64_t size = 0;  // elements
  bool trains = true;
  std::int64_t offset = 0;  // if it trains: elements from the start of the flat buffer
  bool decay = false;       // matrices and embeddings, not norms and biases
  std::string name;         // in logs: "layers.3.qkv.weight"
};

// Whether matrix products read it: the weight of a linear layer, or an embedding that is also the
// head.
bool is_multiplied(const Parameter& parameter, const TransformerConfig& config);

// The order of the weights, decayed ones first. Trained parameters are in flat buffers, each group
// contiguous; offsets are multiples of 16 elements and the gaps are zero.
struct ParameterLayout {
  std::vector<Parameter> parameters;
  std::int64_t size = 0;        // elements of a flat buffer
  std::int64_t decay_size = 0;  // the first decay_size elements decay
  // Null when the model has no such parameter.
  const Parameter* find(Part part, int layer = -1, bool bias = false) const;
};
ParameterLayout parameter_layout(const TransformerConfig& config);
// Returns the same with the `frozen` parameters outside the flat buffers.
ParameterLayout parameter_layout(const TransformerConfig& config,
                                 const std::function<bool(const Parameter&)>& frozen);

// The position of one tensor of a Hugging Face model in a parameter: rows [row, row + rows).
// `transposed`: the family stores [in, out] (GPT-2's Conv1D).
struct HfTensor {
  std::string name;  // "model.layers.0.self_attn.q_proj.weight"
  std::vector<std::int64_t> shape;
  std::size_t parameter = 0;  // index into ParameterLayout::parameters
  std::int64_t row = 0, rows = 0;
  bool transposed = false;
  bool zero = false;  // written as zeros: a bias that transformers needs and this model lacks
};
std::vector<HfTensor> hf_tensors(const TransformerConfig& config, const ParameterLayout& layout);

}  // namespace llmops::arch
