#include "plan/buffers.h"

#include <map>
#include <set>

#include "models.h"
#include "tests/catch.h"

namespace llmops::plan {
namespace {

arch::TransformerConfig llama() {
  arch::TransformerConfig c = gpt2(3, 64, 2000);
  c.family = "llama";
  c.norm = arch::Norm::kRmsNorm;
  c.positions = arch::Positions::kRope;
  c.activation = arch::Activation::kSilu;
  c.gated = true;
  c.attention_bias = c.mlp_bias = c.norm_bias = c.tied = false;
  c.kv_heads = 1;
  c.intermediate_size = 100;
  return c;
}

ActivationShape shape_of(Recompute recompute, Precision precision = Precision::kFp32) {
  ActivationShape shape;
  shape.rows = 4;
  shape.length = 16;
  shape.loss_chunk_rows = 64;
  shape.recompute = recompute;
  shape.precision = precision;
  return shape;
}

std::map<std::string, Buffer> by_name(const std::vector<Buffer>& buffers) {
  std::map<std::string, Buffer> map;
  for (const Buffer& buffer : buffers) CHECK(map.emplace(buffer.name, buffer).second);
  return map;
}

std::set<std::string> per_layer(const std::vector<Buffer>& buffers) {
  std::set<std::string> names;
  for (const Buffer& buffer : buffers) {
    if (buffer.per_layer) names.insert(buffer.name);
  }
  return names;
}

std::int64_t total(const arch::TransformerConfig& config, const ActivationShape& shape) {
  std::int64_t bytes = 0;
  for (const Buffer& buffer : activation_buffers(config, shape)) {
    bytes += bytes_of(buffer, shape.precision) * (buffer.per_layer ? config.layers : 1);
  }
  return bytes;
}

TEST_CASE("buffers have the shapes of the model") {
  const auto config = llama();
  auto all = by_name(activation_buffers(config, shape_of(Recompute::kOff)));
  using Shape = std::vector<std::int64_t>;
  CHECK(all.at("qkv").shape == Shape{64, (2 + 2) * 32});
  CHECK(all.at("attention").shape == Shape{64, 64});
  CHECK(all.at("lse").shape == Shape{4, 2, 16});
  CHECK(all.at("mlp_pre").shape == Shape{64, 200});
  CHECK(all.at("mlp_act").shape == Shape{64, 100});
  CHECK(all.at("dmlp_pre").shape == Shape{64, 200});
  CHECK(all.at("logits").shape == Shape{64, 2000});
  CHECK(all.at("x_in").type == Buffer::kFloat);
  CHECK(all.at("norm1").type == Buffer::kActivation);
  CHECK(all.at("ids").type == Buffer::kInt32);
}

TEST_CASE("the norm decides on means, bf16 on a second gradient") {
  const auto rms = by_name(activation_buffers(llama(), shape_of(Recompute::kOff)));
  CHECK_FALSE(rms.contains("mean1"));
  CHECK_FALSE(rms.contains("dresidual_act"));
  const auto layer_norm =
      by_name(activation_buffers(gpt2(2, 64), shape_of(Recompute::kOff, Precision::kBf16Mixed)));
  CHECK(layer_norm.contains("mean1"));
  CHECK(layer_norm.contains("mean_final"));
  CHECK(layer_norm.contains("dresidual_act"));
}

TEST_CASE("recomputation keeps less per layer, and the same buffers by name") {
  const auto config = gpt2(2, 64);
  const auto off = activation_buffers(config, shape_of(Recompute::kOff));
  const auto selective = activation_buffers(config, shape_of(Recompute::kSelective));
  const auto full = activation_buffers(config, shape_of(Recompute::kFull));
  CHECK(per_layer(off) == std::set<std::string>{"x_in", "norm1", "mean1", "rstd1", "qkv",
                                                "attention", "lse", "x_mid", "norm2", "mean2",
                                                "rstd2", "mlp_pre", "mlp_act"});
  auto expected = per_layer(off);
  for (const char* name : {"norm1", "norm2", "mlp_act"}) expected.erase(name);
  CHECK(per_layer(selective) == expected);
  CHECK(per_layer(full) == std::set<std::string>{"x_in"});
  CHECK(off.size() == selective.size());
  CHECK(off.size() == full.size());
}

TEST_CASE("a pass without training has one block's set and no gradients") {
  ActivationShape shape = shape_of(Recompute::kOff);
  shape.training = false;
  const auto buffers = activation_buffers(llama(), shape);
  CHECK(per_layer(buffers).empty());
  const auto names = by_name(buffers);
  for (const char* name : {"dresidual", "dnorm", "dattention", "dqkv", "dmlp_pre", "dmlp_act"}) {
    CHECK_FALSE(names.contains(name));
  }
  CHECK(names.contains("logits"));
}

TEST_CASE("each way to save memory saves memory") {
  const auto config = gpt2(8, 64);
  const auto bytes = [&](Recompute recompute, Precision precision) {
    return total(config, shape_of(recompute, precision));
  };
  for (const auto precision : {Precision::kFp32, Precision::kBf16Mixed}) {
    CHECK(bytes(Recompute::kFull, precision) < bytes(Recompute::kSelective, precision));
    CHECK(bytes(Recompute::kSelective, precision) < bytes(Recompute::kOff, precision));
  }
  CHECK(bytes(Recompute::kOff, Precision::kBf16Mixed) < bytes(Recompute::kOff, Precision::kFp32));
}

TEST_CASE("bytes of a buffer are rounded up to a line") {
  CHECK(bytes_of({"a", Buffer::kFloat, {3, 5}, false}, Precision::kFp32) == 64);
  CHECK(bytes_of({"a", Buffer::kFloat, {17}, false}, Precision::kFp32) == 128);
  CHECK(bytes_of({"a", Buffer::kActivation, {32}, false}, Precision::kBf16Mixed) == 64);
  CHECK(bytes_of({"a", Buffer::kActivation, {32}, false}, Precision::kFp32) == 128);
  CHECK(bytes_of({"a", Buffer::kInt32, {}, false}, Precision::kBf16Mixed) == 64);
}

}  // namespace
}  // namespace llmops::plan
