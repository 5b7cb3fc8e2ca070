#include "arch/transformer_config.h"

#include <functional>
#include <limits>

#include "base/error.h"
#include "configs.h"
#include "tests/catch.h"

namespace llmops::arch {
namespace {

std::string problem(const TransformerConfig& config) {
  try {
    check(config);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kUsage);
    return error.what();
  }
  return "";
}

TEST_CASE("sound configs pass the check") {
  CHECK(problem(small_gpt2()).empty());
  CHECK(problem(small_llama()).empty());
  CHECK(problem(small_mistral()).empty());
}

TEST_CASE("every size is bounded on both sides") {
  const auto members = {&TransformerConfig::vocab_size,
                        &TransformerConfig::hidden_size,
                        &TransformerConfig::layers,
                        &TransformerConfig::heads,
                        &TransformerConfig::kv_heads,
                        &TransformerConfig::head_dim,
                        &TransformerConfig::intermediate_size,
                        &TransformerConfig::max_positions};
  for (const auto member : members) {
    for (const std::int64_t value :
         {std::int64_t{0}, std::int64_t{-1}, (std::int64_t{1} << 24) + 1,
          std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
      TransformerConfig config = small_llama();
      config.*member = value;
      CHECK_FALSE(problem(config).empty());
    }
  }
}

TEST_CASE("the largest config that passes has a parameter count that is exact") {
  TransformerConfig config = small_llama();
  config.layers = 1000;
  config.hidden_size = config.intermediate_size = 1 << 20;
  config.heads = config.kv_heads = 1 << 13;
  config.head_dim = 1 << 7;
  config.vocab_size = 1 << 24;
  REQUIRE(problem(config).empty());
  const __int128 C = 1 << 20;
  const __int128 expected =
      1000 * (3 * C * C + C * C + 3 * C * C + 2 * C) + C + 2 * (__int128{1} << 24) * C;
  CHECK(expected == __int128{config.parameter_count()});
}

TEST_CASE("a message names what does not fit") {
  struct Case {
    std::function<void(TransformerConfig&)> change;
    std::string text;
  };
  const Case cases[] = {
      {[](auto& c) { c.kv_heads = 3; }, "not divisible by num_key_value_heads 3"},
      {[](auto& c) { c.head_dim = 3; }, "even with rotary"},
      {[](auto& c) { c.norm_eps = 0; }, "norm_eps"},
      {[](auto& c) { c.norm_eps = std::numeric_limits<double>::quiet_NaN(); }, "norm_eps"},
      {[](auto& c) { c.rope_theta = -1; }, "rope_theta"},
      {[](auto& c) { c.dropout = 1; }, "dropout"},
      {[](auto& c) { c.initializer_range = 2; }, "initializer_range"},
      {[](auto& c) { c.eos_token_id = 11; }, "eos_token_id"},
      {[](auto& c) { c.family = "bert"; }, "unknown family \"bert\""},
      {[](auto& c) { c.norm = Norm::kLayerNorm; }, "llama has RMSNorm"},
      {[](auto& c) { c.norm_bias = true; }, "no bias on its norms"},
      {[](auto& c) { c.positions = Positions::kLearned; }, "rotary positions"},
      {[](auto& c) { c.gated = false; }, "SwiGLU"},
      {[](auto& c) { c.activation = Activation::kGelu; }, "SwiGLU"},
      {[](auto& c) { c.sliding_window = 4; }, "no sliding window"},
      {[](auto& c) { c.hidden_size = 10; }, "hidden_size 10 is not divisible"},
      {[](auto& c) { c.sliding_window = -4; }, "sliding_window is -4"},
  };
  for (const Case& one : cases) {
    TransformerConfig config = small_llama();
    one.change(config);
    CHECK_THAT(problem(config), ContainsSubstring(one.text));
  }
}

TEST_CASE("gpt2 and mistral refuse what their classes cannot hold") {
  TransformerConfig gpt2 = small_gpt2();
  gpt2.norm = Norm::kRmsNorm;
  gpt2.positions = Positions::kRope;
  gpt2.kv_heads = 1;
  CHECK_THAT(problem(gpt2), ContainsSubstring("LayerNorm") &&
                                ContainsSubstring("learned positions") &&
                                ContainsSubstring("grouped"));
  TransformerConfig mistral = small_mistral();
  mistral.attention_bias = true;
  CHECK_THAT(problem(mistral), ContainsSubstring("mistral has no biases"));
}

TEST_CASE("GPT-2 small has the published number of parameters") {
  TransformerConfig c = small_gpt2();
  c.vocab_size = 50257;
  c.hidden_size = 768;
  c.layers = 12;
  c.heads = c.kv_heads = 12;
  c.head_dim = 64;
  c.intermediate_size = 3072;
  c.max_positions = 1024;
  CHECK(c.parameter_count() == 124439808);
  CHECK(c.matmul_parameter_count() == 124439808 - 1024 * 768);
  CHECK(c.flops_per_token(1024) == Approx(6.0 * (124439808 - 1024 * 768) + 12.0 * 12 * 768 * 1024));
}

TEST_CASE("Llama 2 7B has the published number of parameters") {
  TransformerConfig c = small_llama();
  c.vocab_size = 32000;
  c.hidden_size = 4096;
  c.layers = 32;
  c.heads = c.kv_heads = 32;
  c.head_dim = 128;
  c.intermediate_size = 11008;
  CHECK(c.parameter_count() == 6738415616);
  CHECK(c.matmul_parameter_count() == 6738415616 - 32000LL * 4096);
}

TEST_CASE("a sliding window bounds the attention's work") {
  TransformerConfig c = small_mistral();
  CHECK(c.flops_per_token(64) == c.flops_per_token(4));
  CHECK(c.flops_per_token(2) < c.flops_per_token(4));
}

}  // namespace
}  // namespace llmops::arch
