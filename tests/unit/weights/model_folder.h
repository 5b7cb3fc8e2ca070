#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "arch/parameters.h"
#include "base/file.h"
#include "base/json.h"
#include "weights/safetensors.h"

namespace llmops::weights {

// Element i of the n-th tensor of a model; 0 where the model has no such tensor.
inline float value_of(std::size_t n, std::int64_t i) {
  return static_cast<float>(n + 1) + static_cast<float>(i % 97) / 128;
}

inline TensorSource source_of(const arch::HfTensor& tensor, std::size_t n) {
  return {tensor.name, DType::kF32, tensor.shape,
          [n, zero = tensor.zero](std::uint64_t offset, std::span<std::byte> out) {
            for (std::size_t i = 0; i < out.size() / 4; ++i) {
              const float value = zero ? 0 : value_of(n, static_cast<std::int64_t>(offset / 4 + i));
              std::memcpy(out.data() + 4 * i, &value, sizeof value);
            }
          }};
}

inline std::vector<TensorSource> sources_of(const arch::TransformerConfig& config) {
  std::vector<TensorSource> sources;
  for (const arch::HfTensor& tensor : arch::hf_tensors(config, arch::parameter_layout(config))) {
    sources.push_back(source_of(tensor, sources.size()));
  }
  return sources;
}

// Writes the tensors round robin into shards, with their index, as save_pretrained() does.
inline void write_shards(const std::string& folder, const std::vector<TensorSource>& sources,
                         std::size_t count) {
  Json map = Json::object();
  for (std::size_t shard = 0; shard < count; ++shard) {
    const std::string name =
        "model-" + std::to_string(shard + 1) + "-of-" + std::to_string(count) + ".safetensors";
    std::vector<TensorSource> part;
    for (std::size_t i = shard; i < sources.size(); i += count) {
      part.push_back(sources[i]);
      map.set(sources[i].name, name);
    }
    write_safetensors(join_path(folder, name), part);
  }
  Json index = Json::object();
  index.set("metadata", Json::object().set("total_size", 1)).set("weight_map", map);
  write_file_durably(join_path(folder, "model.safetensors.index.json"), index.dump(2));
}

}  // namespace llmops::weights
