#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace llmops::arch {

enum class Norm { kLayerNorm, kRmsNorm };
enum class Positions { kLearned, kRope };
enum class Activation { kGeluTanh, kGelu, kSilu };

// The shape of a decoder-only transformer, pre-norm. A family (gpt2, llama, mistral) is a reader of
// its Hugging Face config.json (hf_config.cpp) and a map of tensor names (hf_tensors.cpp);
// everything else is here. Sizes are counts of elements.
struct TransformerConfig {
  std::string family = "gpt2";

  std::int64_t vocab_size = 0;         // V: rows of the embedding
  std::int64_t hidden_size = 0;        // C
  std::int64_t layers = 0;             // L
  std::int64_t heads = 0;              // H
  std::int64_t kv_heads = 0;           // K, divides H
  std::int64_t head_dim = 0;           // D, even with rope
  std::int64_t intermediate_size = 0;  // F
  std::int64_t max_positions = 0;      // longest sequence with learned positions

  Norm norm = Norm::kLayerNorm;
  Positions positions = Positions::kLearned;
  Activation activation = Activation::kGeluTanh;
  bool gated = false;           // SwiGLU: silu(gate) * up
  bool attention_bias = false;  // on q, k, v and the output projection
  bool mlp_bias = false;
  bool norm_bias = false;  // LayerNorm only
  bool tied = false;       // the head shares the embedding's weights
  double norm_eps = 1e-5;
  double rope_theta = 10000.0;
  std::int64_t sliding_window = 0;  // keys that a query sees, itself included; 0 = all

  double dropout = 0.0;  // on embeddings, attention weights and both residual branches
  double initializer_range = 0.02;

  std::optional<std::int64_t> bos_token_id, eos_token_id, pad_token_id;

  std::int64_t qkv_size() const { return (heads + 2 * kv_heads) * head_dim; }
  std::int64_t attention_size() const { return heads * head_dim; }
  // All weights; a tied head counts once.
  std::int64_t parameter_count() const;
  // Weights without the embedding tables that are only looked up (the tied head counts).
  std::int64_t matmul_parameter_count() const;
  // Forward and backward of one token at context T: 6 N + 12 L H D T (PaLM, appendix B), N without
  // looked-up tables.
  double flops_per_token(std::int64_t context) const;

  bool operator==(const TransformerConfig&) const = default;
};

// Returns the problems of a config, one sentence each (heads not divisible, odd head_dim with rope,
// a mix that no Hugging Face class has …). Every number is bounded here before anything is
// allocated.
std::vector<std::string> problems_of(const TransformerConfig& config);
// Throws Error(kUsage) with the problems, if there are any.
void check(const TransformerConfig& config);

// Reads a Hugging Face config.json of model_type gpt2, llama or mistral. Throws Error(kDamaged) at
// `path` for other types and for features that are not implemented (rope scaling, other
// activations).
TransformerConfig read_hf_config(const Json& json, const std::string& path);
TransformerConfig load_hf_config(const std::string& folder);  // its config.json
Json write_hf_config(const TransformerConfig& config);

}  // namespace llmops::arch
