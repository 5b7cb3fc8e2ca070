#include "tests/unit/tensor/model/models.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/random.h"

namespace llmops::tensor {

namespace {

arch::TransformerConfig gpt2() {
  arch::TransformerConfig c;
  c.family = "gpt2";
  c.vocab_size = 45;
  c.hidden_size = 32;
  c.layers = 2;
  c.heads = c.kv_heads = 4;
  c.head_dim = 8;
  c.intermediate_size = 52;
  c.max_positions = 40;
  c.attention_bias = c.mlp_bias = c.norm_bias = c.tied = true;
  return c;
}

arch::TransformerConfig llama() {
  arch::TransformerConfig c;
  c.family = "llama";
  c.vocab_size = 61;
  c.hidden_size = 40;
  c.layers = 2;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 24;
  c.intermediate_size = 51;
  c.max_positions = 40;
  c.norm = arch::Norm::kRmsNorm;
  c.positions = arch::Positions::kRope;
  c.activation = arch::Activation::kSilu;
  c.gated = true;
  return c;
}

template <typename Change>
NamedConfig changed(std::string name, arch::TransformerConfig config, const Change& change) {
  change(config);
  arch::check(config);
  return {std::move(name), std::move(config)};
}

}  // namespace

std::vector<NamedConfig> every_shape() {
  using Config = arch::TransformerConfig;
  return {
      changed("gpt2", gpt2(), [](Config&) {}),
      changed("gpt2, no bias", gpt2(),
              [](Config& c) { c.attention_bias = c.mlp_bias = c.norm_bias = false; }),
      changed("gpt2, untied, head of 24, gelu", gpt2(),
              [](Config& c) {
                c.tied = false;
                c.hidden_size = 72;
                c.heads = c.kv_heads = 3;
                c.head_dim = 24;
                c.activation = arch::Activation::kGelu;
              }),
      changed("llama, grouped heads of 24", llama(), [](Config&) {}),
      changed("llama, one key head, tied", llama(),
              [](Config& c) {
                c.kv_heads = 1;
                c.head_dim = 10;
                c.tied = true;
              }),
      changed("llama, biases", llama(),
              [](Config& c) {
                c.kv_heads = 4;
                c.attention_bias = c.mlp_bias = true;
              }),
      changed("mistral, window of 5", llama(),
              [](Config& c) {
                c.family = "mistral";
                c.sliding_window = 5;
              }),
  };
}

void randomize(Weights& weights, std::uint64_t seed) {
  Random random(seed, RandomStream::kSynthetic);
  Tensor host = at::zeros({weights.layout().size});
  for (const arch::Parameter& p : weights.layout().parameters) {
    const bool vector = p.shape.size() == 1;
    const double deviation = vector ? 0.2 : 1 / std::sqrt(static_cast<double>(p.shape[1]));
    const bool norm = !p.bias && arch::traits(p.part).kind == arch::PartKind::kNorm;
    float* to = host.data_ptr<float>() + p.offset;
    for (std::int64_t i = 0; i < p.size; ++i) {
      to[i] = static_cast<float>((norm ? 1.0 : 0.0) + deviation * random.normal());
    }
  }
  weights.flat().copy_(host);
  weights.refresh_compute();
}

data::Batch random_batch(const arch::TransformerConfig& config, std::int64_t rows,
                         std::int64_t length, std::uint64_t seed, std::int64_t documents) {
  Random random(seed, RandomStream::kSynthetic, 1);
  const auto id = [&] {
    return static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(config.vocab_size)));
  };
  data::Batch batch;
  batch.rows = rows;
  batch.length = length;
  batch.segmented = documents > 1;
  for (std::int64_t b = 0; b < rows; ++b) {
    std::set<std::int64_t> starts{0};
    while (std::ssize(starts) < std::min(documents, length)) {
      starts.insert(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(length))));
    }
    std::int64_t start = 0;
    for (std::int64_t t = 0; t < length; ++t) {
      if (starts.contains(t)) start = t;
      batch.inputs.push_back(id());
      // The first has one, so that there is a loss.
      batch.targets.push_back(t + b > 0 && random.below(4) == 0 ? data::kIgnore : id());
      batch.positions.push_back(static_cast<std::int32_t>(t - start));
      batch.segment_start.push_back(static_cast<std::int32_t>(start));
      batch.supervised_tokens += batch.targets.back() >= 0;
    }
  }
  return batch;
}

}  // namespace llmops::tensor
