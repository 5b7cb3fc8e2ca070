#pragma once

#include <memory>
#include <string_view>

#include "config/node.h"
#include "config/problems.h"

namespace llmops::config {

struct YamlLimits {
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
  static constexpr std::size_t kMaxDepth = 64;
  static constexpr std::size_t kMaxNodes = 10'000;  // with aliases expanded
};

// Reads one strict YAML document: UTF-8, unique keys, no second document, no merge keys, no tags
// except !!str, aliases expanded within the limits. An empty document is an empty map. Adds each
// error to `problems` and returns the part that could be read.
Node parse_yaml(std::string_view text, std::shared_ptr<const Source> source, Problems& problems);

}  // namespace llmops::config
