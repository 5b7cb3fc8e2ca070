#pragma once

#include "arch/transformer_config.h"
#include "plan/plan.h"
#include "recipe/recipe.h"

namespace llmops::plan {

// GPT-2 of about `layers` x 12 C^2 parameters.
inline arch::TransformerConfig gpt2(std::int64_t layers, std::int64_t hidden_size,
                                    std::int64_t vocab_size = 65) {
  arch::TransformerConfig c;
  c.family = "gpt2";
  c.vocab_size = vocab_size;
  c.hidden_size = hidden_size;
  c.layers = layers;
  c.heads = c.kv_heads = hidden_size / 32;
  c.head_dim = 32;
  c.intermediate_size = 4 * hidden_size;
  c.max_positions = 4096;
  c.attention_bias = c.mlp_bias = c.norm_bias = c.tied = true;
  return c;
}

inline recipe::Recipe recipe_of(std::int64_t micro_batch, std::int64_t length) {
  recipe::Recipe recipe;
  recipe.train.micro_batch_size = micro_batch;
  recipe.train.max_steps = 1000;
  recipe.train.device = "cpu";
  recipe.data.max_seq_length = length;
  return recipe;
}

inline Machine machine(int cores, bool bf16 = false) {
  Machine m;
  m.cores = cores;
  m.bf16 = bf16;
  m.available_memory = std::int64_t{64} << 30;
  m.free_disk = std::int64_t{1} << 40;
  return m;
}

}  // namespace llmops::plan
