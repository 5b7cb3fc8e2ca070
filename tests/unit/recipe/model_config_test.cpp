#include "recipe/model_config.h"

#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/unit/recipe/sound.h"

namespace llmops::recipe {

TEST_CASE("gpt2 without sizes is GPT-2's shape") {
  const arch::TransformerConfig config = model_config(sound_recipe(), 300);
  CHECK(config.family == "gpt2");
  CHECK(config.vocab_size == 300);
  CHECK(config.intermediate_size == 512);
  CHECK(config.max_positions == 256);
  CHECK(config.head_dim == 32);
  CHECK(config.norm == arch::Norm::kLayerNorm);
  CHECK(config.positions == arch::Positions::kLearned);
  CHECK((config.tied && config.attention_bias && config.mlp_bias && config.norm_bias));
  CHECK_FALSE(config.gated);
}

TEST_CASE("llama without sizes is Llama's shape") {
  Recipe recipe = sound_recipe();
  recipe.model.arch = "llama";
  recipe.model.config.hidden_size = 768;
  recipe.model.config.num_attention_heads = 12;
  recipe.model.config.num_key_value_heads = 4;
  const arch::TransformerConfig config = model_config(recipe, 300);
  CHECK(config.intermediate_size == 2048);
  CHECK(config.kv_heads == 4);
  CHECK(config.norm == arch::Norm::kRmsNorm);
  CHECK(config.positions == arch::Positions::kRope);
  CHECK(config.gated);
  CHECK_FALSE((config.tied || config.attention_bias || config.mlp_bias || config.norm_bias));
}

TEST_CASE("nanoGPT's character model has its 795,904 weights without positions") {
  Recipe recipe = sound_recipe();
  recipe.model.config.bias = false;
  recipe.data.max_seq_length = 64;
  const arch::TransformerConfig config = model_config(recipe, 65);
  CHECK(config.parameter_count() - 64 * 128 == 795904);
}

TEST_CASE("a mix that no family holds is refused") {
  Recipe recipe = sound_recipe();
  recipe.model.config.sliding_window = 8;
  CHECK(error_text([&] { model_config(recipe, 300); }) ==
        "usage: model: gpt2 has no sliding window");
}

}  // namespace llmops::recipe
