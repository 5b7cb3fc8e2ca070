#pragma once

#include "arch/transformer_config.h"

namespace llmops::arch {

inline TransformerConfig small_gpt2() {
  TransformerConfig c;
  c.family = "gpt2";
  c.vocab_size = 11;
  c.hidden_size = 8;
  c.layers = 2;
  c.heads = c.kv_heads = 2;
  c.head_dim = 4;
  c.intermediate_size = 32;
  c.max_positions = 16;
  c.attention_bias = c.mlp_bias = c.norm_bias = true;
  c.tied = true;
  return c;
}

inline TransformerConfig small_llama() {
  TransformerConfig c;
  c.family = "llama";
  c.vocab_size = 11;
  c.hidden_size = 8;
  c.layers = 2;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 2;
  c.intermediate_size = 12;
  c.max_positions = 64;
  c.norm = Norm::kRmsNorm;
  c.positions = Positions::kRope;
  c.activation = Activation::kSilu;
  c.gated = true;
  c.norm_eps = 1e-6;
  return c;
}

inline TransformerConfig small_mistral() {
  TransformerConfig c = small_llama();
  c.family = "mistral";
  c.head_dim = 6;
  c.sliding_window = 4;
  return c;
}

}  // namespace llmops::arch
