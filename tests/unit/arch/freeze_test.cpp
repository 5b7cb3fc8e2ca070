#include "arch/freeze.h"

#include "configs.h"
#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops::arch {
namespace {

template <typename Call>
std::string refusal(const Call& call) {
  const auto error = error_of(call);
  REQUIRE(error);
  CHECK(error->code() == ExitCode::kUsage);
  return error->what();
}

std::vector<std::string> trained(const ParameterLayout& layout) {
  std::vector<std::string> names;
  for (const Parameter& p : layout.parameters) {
    if (p.trains) names.push_back(p.name);
  }
  return names;
}

TEST_CASE("what matches a pattern is out of the flat buffers, and the rest lies there as ever") {
  const ParameterLayout all = parameter_layout(small_gpt2());
  const ParameterLayout layout =
      frozen_layout(small_gpt2(), {"transformer.wte.weight", "transformer.h.[0].*"});
  REQUIRE(layout.parameters.size() == all.parameters.size());
  std::int64_t end = 0, total = 0;
  for (std::size_t i = 0; i < layout.parameters.size(); ++i) {
    const Parameter& p = layout.parameters[i];
    CHECK(p.name == all.parameters[i].name);
    CHECK(p.trains == (p.layer != 0 && p.part != Part::kTokenEmbedding));
    if (!p.trains) continue;
    CHECK(p.offset >= end);
    CHECK(p.offset % 16 == 0);
    CHECK(p.decay == (p.offset < layout.decay_size));
    end = p.offset + p.size;
    total += p.size;
  }
  CHECK(layout.size >= end);
  CHECK(layout.size < total + 16 * static_cast<std::int64_t>(layout.parameters.size()));
}

TEST_CASE("q, k and v freeze together, and so do gate and up") {
  CHECK(trained(frozen_layout(small_llama(),
                              {"model.embed_tokens.weight", "model.layers.*", "model.norm.*"})) ==
        std::vector<std::string>{"head.weight"});
  const ParameterLayout layout = frozen_layout(small_llama(), {"*.self_attn.[qkv]_proj.weight"});
  for (const Parameter& p : layout.parameters) CHECK(p.trains == (p.part != Part::kQkv));
  CHECK(refusal([] {
          frozen_layout(small_llama(), {"*.q_proj.weight", "*.k_proj.weight"});
        }) ==
        "model.layers.0.self_attn.k_proj.weight and "
        "model.layers.0.self_attn.v_proj.weight are one matrix here and freeze together");
  CHECK(refusal([] {
          frozen_layout(small_llama(), {"*.layers.1.mlp.gate_proj.weight"});
        }).find("are one matrix here and freeze together") != std::string::npos);
}

TEST_CASE("a pattern without a tensor is refused with the nearest name, and so is freezing all") {
  const auto freezing = [](const TransformerConfig& config, const std::string& pattern) {
    return refusal([&] { frozen_layout(config, {pattern}); });
  };
  CHECK(freezing(small_gpt2(), "transformer.wte.weights") ==
        "no tensor is called 'transformer.wte.weights'; did you mean "
        "transformer.wte.weight?");
  CHECK(
      freezing(small_gpt2(), "layers.0.qkv.weight").find("names are those of model.safetensors") !=
      std::string::npos);
  CHECK(freezing(small_gpt2(), "lm_head.*").find("the head is the embedding, transformer.wte") !=
        std::string::npos);
  CHECK(freezing(small_llama(), "*") == "nothing is left to train");
  TransformerConfig bare = small_gpt2();
  bare.attention_bias = bare.mlp_bias = bare.norm_bias = false;
  CHECK(freezing(bare, "*.bias").find("no tensor is called") != std::string::npos);
  CHECK(freezing(small_llama(), "").find("no tensor is called ''") != std::string::npos);
}

}  // namespace
}  // namespace llmops::arch
