#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace llmops::weights {

inline constexpr const char* kModelFile = "model.safetensors";
inline constexpr const char* kShardIndexFile = "model.safetensors.index.json";

// An index names the file of each tensor; 64 MiB hold 200,000 tensors with names of 250 bytes. The
// largest public models have under 200 shards.
constexpr std::size_t kMaxIndexBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxShards = 500;

// Returns the shards that the text of a model.safetensors.index.json names, sorted. Throws
// Error(kDamaged) at `path` unless it names at least one and each is the plain name of a
// safetensors file: a shard is never outside the folder of its index.
std::vector<std::string> parse_shard_index(std::string_view json, const std::string& path);

// Returns the names of the safetensors files of a model folder: model.safetensors, else the shards
// of its index, sorted. Throws Error(kNotFound) when there is neither.
std::vector<std::string> weight_file_names(const std::string& folder);

}  // namespace llmops::weights
