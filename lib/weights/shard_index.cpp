#include "weights/shard_index.h"

#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "weights/safetensors_header.h"

namespace llmops::weights {
namespace {

bool is_shard_name(std::string_view name) {
  return name.ends_with(".safetensors") && name.size() <= 255 &&
         name.find_first_of("/\\") == std::string_view::npos && printable(name) == name;
}

}  // namespace

std::vector<std::string> parse_shard_index(std::string_view json, const std::string& path) {
  JsonLimits limits;
  limits.max_depth = 4;
  limits.max_nodes = 2 * kMaxTensors;
  const Json root = parse_json(json, path, limits);
  const Json* map = root.find("weight_map");
  if (map == nullptr || !map->is_object() || map->size() == 0) {
    throw damaged("weight_map names no tensor").at(path);
  }
  std::set<std::string> names;
  for (const auto& [tensor, file] : map->as_object()) {
    if (!file.is_string() || !is_shard_name(file.as_string())) {
      throw damaged("the shard of tensor {} is not the name of a safetensors file in this folder",
                    printable(tensor))
          .at(path);
    }
    names.insert(file.as_string());
  }
  if (names.size() > kMaxShards) throw damaged("more than {} shards", kMaxShards).at(path);
  return {names.begin(), names.end()};
}

std::vector<std::string> weight_file_names(const std::string& folder) {
  if (path_exists(join_path(folder, kModelFile))) return {kModelFile};
  const std::string index = join_path(folder, kShardIndexFile);
  if (!path_exists(index)) {
    throw Error(ExitCode::kNotFound, "no model.safetensors in this folder")
        .at(folder)
        .hint("give a checkpoint or Hugging Face folder; .bin files need converting first");
  }
  return parse_shard_index(read_file(index, kMaxIndexBytes, ExitCode::kDamaged), index);
}

}  // namespace llmops::weights
