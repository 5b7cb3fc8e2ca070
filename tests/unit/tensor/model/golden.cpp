#include "tests/unit/tensor/model/golden.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "weights/safetensors.h"

namespace llmops::tensor {

namespace {

std::uint32_t mix(std::uint32_t x) {
  x ^= x >> 15;
  x *= 2246822519u;
  x ^= x >> 13;
  x *= 3266489917u;
  return x ^ (x >> 16);
}

// The formula of the file's "weights" field.
float weight(const Json& parameter, std::uint32_t i) {
  const auto index = static_cast<std::uint32_t>(parameter.at("index").as_int());
  const std::uint32_t x = mix(((i + 1) * 2654435761u) ^ ((index + 1) * 2246822519u));
  return static_cast<float>(parameter.at("offset").as_double() +
                            parameter.at("scale").as_double() * (x / 4294967296.0 - 0.5));
}

void write_weights(const Json& parameters, const std::string& path) {
  std::vector<weights::TensorSource> sources;
  for (const Json& parameter : parameters.as_array()) {
    weights::TensorSource source;
    source.name = parameter.at("name").as_string();
    for (const Json& n : parameter.at("shape").as_array()) source.shape.push_back(n.as_int());
    source.fill = [parameter](std::uint64_t offset, std::span<std::byte> out) {
      for (std::size_t i = 0; i < out.size() / sizeof(float); ++i) {
        const float value = weight(parameter, static_cast<std::uint32_t>(offset / 4 + i));
        std::memcpy(out.data() + 4 * i, &value, sizeof value);
      }
    };
    sources.push_back(std::move(source));
  }
  weights::write_safetensors(path, sources);
}

data::Batch read_batch(const Json& json) {
  data::Batch batch;
  batch.rows = static_cast<std::int64_t>(json.at("input_ids").size());
  batch.length = static_cast<std::int64_t>(json.at("input_ids").as_array()[0].size());
  for (const Json& row : json.at("input_ids").as_array()) {
    std::int32_t position = 0;
    for (const Json& id : row.as_array()) {
      batch.inputs.push_back(static_cast<std::int32_t>(id.as_int()));
      batch.positions.push_back(position++);
      batch.segment_start.push_back(0);
    }
  }
  for (const Json& row : json.at("targets").as_array()) {
    for (const Json& id : row.as_array()) {
      batch.targets.push_back(static_cast<std::int32_t>(id.as_int()));
      batch.supervised_tokens += id.as_int() >= 0;
    }
  }
  return batch;
}

}  // namespace

Golden load_golden(const std::string& name, bool bf16) {
  Golden golden;
  const std::string path = std::string(LLMOPS_GOLDEN_DIR) + "/model_" + name + ".json";
  golden.json = load_json(path);
  Json config = golden.json.at("config");
  const bool zero_biases = name.ends_with("no_bias");
  if (zero_biases) config.set("llmops_bias", false);
  golden.config = arch::read_hf_config(config, path);
  golden.batch = read_batch(golden.json);
  const std::string folder =
      std::filesystem::temp_directory_path() / ("llmops-golden-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  write_weights(golden.json.at("parameters"), join_path(folder, "model.safetensors"));
  golden.weights = std::make_unique<Weights>(golden.config, at::Device(at::kCPU), bf16);
  golden.weights->load(folder);
  std::filesystem::remove_all(folder);
  return golden;
}

Difference gradient_difference(const Golden& golden, const Tensor& flat_gradients) {
  Difference worst;
  for (const weights::TensorSource& source :
       hf_sources(golden.config, golden.weights->layout(),
                  views(golden.weights->layout(), flat_gradients))) {
    const Json* reference = golden.json.at("gradients").find(source.name);
    if (!reference) continue;
    const Json::Array& values = reference->at("values").as_array();
    const double max = reference->at("max").as_double();
    std::vector<float> ours(values.size());
    source.fill(0, std::as_writable_bytes(std::span<float>(ours)));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double want = values[i].as_double() * max / 1e6;
      const double relative = std::abs(static_cast<double>(ours[i]) - want) / max;
      if (!(relative <= worst.relative)) worst = {relative, source.name};
    }
  }
  return worst;
}

}  // namespace llmops::tensor
