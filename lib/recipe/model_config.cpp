#include "recipe/model_config.h"

namespace llmops::recipe {

namespace {

// Sets the properties of a family that are not sizes, to the defaults of its Hugging Face class.
void apply_family(bool is_gpt2, bool bias, arch::TransformerConfig& config) {
  if (is_gpt2) {
    config.norm = arch::Norm::kLayerNorm;
    config.positions = arch::Positions::kLearned;
    config.activation = arch::Activation::kGeluTanh;
  } else {
    config.norm = arch::Norm::kRmsNorm;
    config.positions = arch::Positions::kRope;
    config.activation = arch::Activation::kSilu;
    config.gated = true;
  }
  config.attention_bias = config.mlp_bias = bias;
  config.norm_bias = is_gpt2 && bias;
}

// Llama's rule: two thirds of 4 C, because the gate adds a third matrix; rounded up.
std::int64_t gated_intermediate_size(std::int64_t hidden_size) {
  return (hidden_size * 8 / 3 + 63) / 64 * 64;
}

}  // namespace

arch::TransformerConfig unchecked_model_config(const Recipe& recipe,
                                               std::int64_t tokenizer_vocab_size) {
  const ModelShape& shape = recipe.model.config;
  arch::TransformerConfig config;
  if (recipe.model.base) {
    config = *recipe.model.base;
    config.dropout = shape.dropout;
    return config;
  }
  const bool is_gpt2 = recipe.model.arch == "gpt2";
  config.family = recipe.model.arch;
  config.vocab_size = shape.vocab_size.value_or(tokenizer_vocab_size);
  config.hidden_size = shape.hidden_size;
  config.layers = shape.num_hidden_layers;
  config.heads = shape.num_attention_heads;
  config.kv_heads = shape.num_key_value_heads.value_or(config.heads);
  config.head_dim = shape.head_dim.value_or(config.hidden_size / config.heads);
  config.intermediate_size = shape.intermediate_size.value_or(
      is_gpt2 ? 4 * config.hidden_size : gated_intermediate_size(config.hidden_size));
  config.max_positions = shape.max_position_embeddings.value_or(recipe.data.max_seq_length);
  apply_family(is_gpt2, shape.bias.value_or(is_gpt2), config);
  config.tied = shape.tie_word_embeddings.value_or(is_gpt2);
  config.norm_eps = shape.norm_eps;
  config.rope_theta = shape.rope_theta;
  config.sliding_window = shape.sliding_window;
  config.dropout = shape.dropout;
  config.initializer_range = shape.initializer_range;
  return config;
}

arch::TransformerConfig model_config(const Recipe& recipe, std::int64_t tokenizer_vocab_size) {
  arch::TransformerConfig config = unchecked_model_config(recipe, tokenizer_vocab_size);
  arch::check(config);
  return config;
}

}  // namespace llmops::recipe
