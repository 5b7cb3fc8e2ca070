#include <ATen/ops/equal.h>

#include <limits>
#include <set>

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
  auto sources = hf_sources(config, weights.layout(), weights.values());
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
    const auto sources = hf_sources(shape.config, weights.layout(), weights.values());
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

TEST_CASE("a model keeps the type of its files, where nothing trains") {
  for (const NamedConfig& shape : every_shape()) {
    CAPTURE(shape.name);
    const auto frozen = [](const arch::Parameter&) { return true; };
    const arch::ParameterLayout layout = arch::parameter_layout(shape.config, frozen);
    Weights weights = empty_weights(shape.config);
    randomize(weights, 9);
    ParameterTensors rounded;
    for (const Tensor& value : weights.values()) rounded.push_back(value.to(at::kBFloat16));
    const TemporaryDirectory folder, again;
    weights::write_safetensors(folder.file("model.safetensors"),
                               hf_sources(shape.config, layout, rounded));
    const auto files = weights::WeightFiles::open_folder(folder.path(), shape.config);
    const std::vector<bool> types = files.bf16_parameters();
    CHECK(types == std::vector<bool>(layout.parameters.size(), true));
    for (const bool bf16 : {false, true}) {
      Weights loaded(shape.config, layout, types, at::Device(at::kCPU), bf16);
      loaded.load(files);
      std::set<const void*> storages;
      std::size_t bytes = 0;
      for (std::size_t i = 0; i < rounded.size(); ++i) {
        const Tensor& value = loaded.values()[i];
        const bool table = value.dim() == 2;
        CHECK(value.scalar_type() == (table ? at::kBFloat16 : at::kFloat));
        CHECK(value.to(at::kBFloat16).equal(rounded[i]));
        if (storages.insert(value.storage().data()).second) bytes += value.storage().nbytes();
      }
      // Nothing else is held: no masters, no copies.
      CHECK(loaded.flat().numel() == 0);
      CHECK(loaded.tensors().head.weight.data.scalar_type() == at::kBFloat16);
      CHECK(storages.count(loaded.tensors().head.weight.data.storage().data()) == 1);
      CHECK(bytes < 2 * static_cast<std::size_t>(shape.config.parameter_count()) + 8192);
    }
  }
}

TEST_CASE("matrices in float are rounded for bf16 where nothing trains, and lookups are not") {
  for (const NamedConfig& shape : every_shape()) {
    CAPTURE(shape.name);
    Weights weights = empty_weights(shape.config);
    randomize(weights, 11);
    const TemporaryDirectory folder;
    weights::write_safetensors(folder.file("model.safetensors"),
                               hf_sources(shape.config, weights.layout(), weights.values()));
    const auto frozen = [](const arch::Parameter&) { return true; };
    Weights loaded(shape.config, arch::parameter_layout(shape.config, frozen), {},
                   at::Device(at::kCPU), true);
    loaded.load(folder.path());
    const ModelTensors& tensors = loaded.tensors();
    CHECK(tensors.token_embedding.equal(weights.tensors().token_embedding));
    CHECK(tensors.head.weight.data.equal(weights.tensors().head.weight.data.to(at::kBFloat16)));
    CHECK(tensors.layers[0].up.weight.data.equal(
        weights.tensors().layers[0].up.weight.data.to(at::kBFloat16)));
  }
}

TEST_CASE("frozen weights whose files were replaced by others of another type are not rounded") {
  const arch::TransformerConfig config = every_shape().front().config;
  Weights weights = empty_weights(config);
  randomize(weights, 12);
  const TemporaryDirectory folder;
  weights::write_safetensors(folder.file("model.safetensors"),
                             hf_sources(config, weights.layout(), weights.values()));
  const arch::ParameterLayout layout = arch::parameter_layout(
      config, [](const arch::Parameter& p) { return p.part == arch::Part::kTokenEmbedding; });
  Weights loaded(config, layout, std::vector<bool>(layout.parameters.size(), true),
                 at::Device(at::kCPU), false);
  const auto error = error_of([&] { loaded.load(folder.path()); });
  REQUIRE(error);
  CHECK(std::string(error->what()).ends_with("the files were replaced"));
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
                             hf_sources(config, weights.layout(), weights.values()));
  Weights loaded = empty_weights(config);
  const auto error = error_of([&] { loaded.load(directory.path()); });
  REQUIRE(error);
  CHECK(error->code() == ExitCode::kDamaged);
  CHECK(std::string(error->what()).ends_with("holds NaN or Inf"));
}

}  // namespace llmops::tensor
