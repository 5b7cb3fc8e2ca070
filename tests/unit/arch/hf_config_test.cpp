#include <string>

#include "arch/transformer_config.h"
#include "base/error.h"
#include "configs.h"
#include "tests/catch.h"

namespace llmops::arch {
namespace {

TransformerConfig read_golden(const std::string& model) {
  const std::string path = GOLDEN + model + ".config.json";
  return read_hf_config(load_json(path), path);
}

TEST_CASE("config.json of transformers is read") {
  TransformerConfig gpt2 = small_gpt2();
  gpt2.dropout = 0.1;
  CHECK(read_golden("gpt2") == gpt2);

  const TransformerConfig untied = read_golden("gpt2_untied");
  CHECK_FALSE(untied.tied);
  CHECK(untied.intermediate_size == 12);
  CHECK(untied.activation == Activation::kGelu);
  CHECK(untied.bos_token_id == 3);
  CHECK(untied.eos_token_id == 4);
  CHECK(untied.dropout == 0);

  TransformerConfig llama = small_llama();
  llama.attention_bias = llama.mlp_bias = true;
  llama.rope_theta = 500000;
  llama.bos_token_id = 1;
  llama.eos_token_id = 2;
  CHECK(read_golden("llama") == llama);

  TransformerConfig mistral = small_mistral();
  mistral.heads = 2;
  mistral.kv_heads = 1;
  mistral.bos_token_id = 1;
  mistral.eos_token_id = 2;
  CHECK(read_golden("mistral") == mistral);
}

TEST_CASE("dropout on attention alone is not taken for dropout everywhere") {
  TransformerConfig config = small_llama();
  Json json = write_hf_config(config).set("attention_dropout", 0.1);
  CHECK(read_hf_config(json, "config.json").dropout == 0);
  config.dropout = 0.2;
  json = write_hf_config(config);
  CHECK(json.at("attention_dropout") == Json(0.2));
  CHECK(read_hf_config(json, "config.json").dropout == 0.2);
}

TEST_CASE("what is written reads back the same") {
  TransformerConfig bare = small_gpt2();
  bare.attention_bias = bare.norm_bias = false;
  bare.dropout = 0.25;
  bare.eos_token_id = 5;
  TransformerConfig plain = small_gpt2();
  plain.mlp_bias = plain.tied = false;
  plain.activation = Activation::kSilu;
  TransformerConfig full = small_mistral();
  full.sliding_window = 0;
  full.rope_theta = 1e6;
  full.pad_token_id = 0;
  full.dropout = 0.25;
  for (const auto& config : {small_gpt2(), bare, plain, small_llama(), small_mistral(), full}) {
    const Json json = write_hf_config(config);
    CHECK(read_hf_config(json, "config.json") == config);
    CHECK(read_hf_config(parse_json(json.dump(2), "config.json"), "config.json") == config);
  }
}

TEST_CASE("missing keys have transformers' defaults") {
  const auto gpt2 = read_hf_config(
      parse_json(R"({"model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_layer": 12,
                     "n_head": 12, "n_positions": 1024})",
                 "c"),
      "c");
  CHECK(gpt2.intermediate_size == 3072);
  CHECK(gpt2.activation == Activation::kGeluTanh);
  CHECK(gpt2.tied);
  CHECK(gpt2.attention_bias);
  const auto mistral = read_hf_config(
      parse_json(R"({"model_type": "mistral", "vocab_size": 32000, "hidden_size": 4096,
                     "num_hidden_layers": 32, "num_attention_heads": 32,
                     "intermediate_size": 14336, "rope_theta": 1e6})",
                 "c"),
      "c");
  CHECK(mistral.kv_heads == 8);
  CHECK(mistral.head_dim == 128);
  CHECK(mistral.sliding_window == 4096);
  CHECK(mistral.rope_theta == 1e6);
}

TEST_CASE("the first of several end tokens is taken; ids outside the vocabulary are none") {
  Json json = write_hf_config(small_llama());
  json.set("eos_token_id", Json::array().push(7).push(9)).set("pad_token_id", -1);
  json.set("bos_token_id", 50256);
  const auto config = read_hf_config(json, "c");
  CHECK(config.eos_token_id == 7);
  CHECK_FALSE(config.pad_token_id);
  CHECK_FALSE(config.bos_token_id);
}

TEST_CASE("what we do not compute is refused by name") {
  struct Case {
    TransformerConfig base;
    std::string key, value, text;
  };
  const Case cases[] = {
      {small_llama(), "model_type", R"("bert")", "model_type \"bert\" is not supported"},
      {small_llama(), "model_type", "null", "model_type \"\" is not supported"},
      {small_llama(), "model_type", "3", "model_type is not a string"},
      {small_llama(), "hidden_act", R"("gelu")", "hidden_act gelu is not supported"},
      {small_llama(), "hidden_act", R"("relu")", "hidden_act relu"},
      {small_llama(), "rope_scaling", R"({"type": "linear", "factor": 2})", "rope_scaling linear"},
      {small_llama(), "rope_parameters", R"({"rope_type": "yarn"})", "rope_parameters yarn"},
      {small_llama(), "rope_scaling", "7", "not a JSON object"},
      {small_llama(), "partial_rotary_factor", "0.5", "partial_rotary_factor"},
      {small_llama(), "quantization_config", "{}", "quantization_config"},
      {small_mistral(), "layer_types", R"(["full_attention"])", "layer_types"},
      {small_gpt2(), "activation_function", R"("relu")", "activation_function relu"},
      {small_gpt2(), "scale_attn_weights", "false", "scale_attn_weights"},
      {small_gpt2(), "add_cross_attention", "true", "add_cross_attention"},
      {small_gpt2(), "scale_attn_by_inverse_layer_idx", "true", "inverse_layer_idx"},
      {small_gpt2(), "n_embd", "9", "as gpt2 needs"},
      {small_gpt2(), "n_embd", "null", "n_embd is missing"},
      {small_gpt2(), "n_embd", "8.5", "n_embd is not an integer"},
      {small_gpt2(), "n_embd", "9223372036854775807", "hidden_size"},
      {small_gpt2(), "n_head", "0", "n_head 0"},
      {small_gpt2(), "n_layer", "1000000000", "num_hidden_layers is 1000000000"},
      {small_gpt2(), "vocab_size", "0", "vocab_size is 0"},
      {small_gpt2(), "vocab_size", "-9223372036854775808", "vocab_size"},
      {small_gpt2(), "layer_norm_epsilon", R"("NaN")", "layer_norm_epsilon is not a number"},
      {small_gpt2(), "tie_word_embeddings", "1", "not true or false"},
      {small_llama(), "num_key_value_heads", "3", "not divisible"},
      {small_llama(), "num_attention_heads", "0", "num_attention_heads 0"},
      {small_llama(), "head_dim", "0", "head_dim is 0"},
  };
  for (const Case& one : cases) {
    Json json = write_hf_config(one.base);
    json.set(one.key, parse_json(one.value, "value"));
    INFO(one.key << " " << one.value);
    try {
      read_hf_config(json, "models/x/config.json");
      FAIL("read");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kDamaged);
      CHECK_THAT(error.what(), ContainsSubstring(one.text) &&
                                   Catch::Matchers::StartsWith("models/x/config.json: "));
    }
  }
}

TEST_CASE("a file that is no object is refused") {
  CHECK_THROWS_AS(read_hf_config(Json::array(), "c"), Error);
  CHECK_THROWS_AS(read_hf_config(Json(), "c"), Error);
}

}  // namespace
}  // namespace llmops::arch
