#include <ATen/ops/equal.h>

#include <limits>

#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"
#include "tests/unit/tensor/model/models.h"
#include "tests/unit/weights/model_folder.h"
#include "weights/weight_files.h"

namespace llmops::tensor {

namespace {

Weights empty_weights(const arch::TransformerConfig& config) {
  return {config, at::Device(at::kCPU), false};
}

// A tied model whose file holds its head as well, from `head`.
std::string with_head(const TemporaryDirectory& directory, const arch::TransformerConfig& config,
                      float first) {
  Weights weights = empty_weights(config);
  randomize(weights, 3);
  auto sources = hf_sources(config, weights.layout(), weights.flat());
  weights::TensorSource head = sources.front();
  head.name = "lm_head.weight";
  head.fill = [fill = head.fill, first](std::uint64_t offset, std::span<std::byte> out) {
    fill(offset, out);
    if (offset == 0 && first != 0) std::memcpy(out.data(), &first, sizeof first);
  };
  sources.insert(sources.begin(), head);
  weights::write_safetensors(directory.file("model.safetensors"), sources);
  Weights loaded = empty_weights(config);
  return error_text([&] { loaded.load(directory.path()); });
}

}  // namespace

TEST_CASE("weights saved whole or in shards load as the same bits") {
  for (const NamedConfig& shape : every_shape()) {
    CAPTURE(shape.name);
    Weights weights = empty_weights(shape.config);
    randomize(weights, 7);
    const auto sources = hf_sources(shape.config, weights.layout(), weights.flat());
    const TemporaryDirectory whole, sharded;
    weights::write_safetensors(whole.file("model.safetensors"), sources);
    weights::write_shards(sharded.path(), sources, 4);
    for (const TemporaryDirectory* folder : {&whole, &sharded}) {
      Weights loaded = empty_weights(shape.config);
      loaded.load(folder->path());
      CHECK(at::equal(loaded.flat(), weights.flat()));
    }
  }
}

TEST_CASE("a tied model whose stored head is another one is refused") {
  arch::TransformerConfig config;
  for (const NamedConfig& shape : every_shape()) {
    if (shape.config.tied) config = shape.config;
  }
  REQUIRE(config.tied);
  const TemporaryDirectory equal, other;
  CHECK(with_head(equal, config, 0).empty());
  CHECK(with_head(other, config, 9).find("is not equal to lm_head.weight, but config.json ties") !=
        std::string::npos);
}

TEST_CASE("a value that is no number is refused") {
  const arch::TransformerConfig config = every_shape().front().config;
  Weights weights = empty_weights(config);
  randomize(weights, 5);
  weights.flat()[0] = std::numeric_limits<float>::quiet_NaN();
  const TemporaryDirectory directory;
  weights::write_safetensors(directory.file("model.safetensors"),
                             hf_sources(config, weights.layout(), weights.flat()));
  Weights loaded = empty_weights(config);
  const auto error = error_of([&] { loaded.load(directory.path()); });
  REQUIRE(error);
  CHECK(error->code() == ExitCode::kDamaged);
  CHECK(std::string(error->what()).ends_with("holds NaN or Inf"));
}

}  // namespace llmops::tensor
