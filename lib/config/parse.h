#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/node.h"
#include "config/problems.h"
#include "config/view.h"

namespace llmops::config {

struct ParseOptions {
  std::vector<std::string> all_keys;  // see keys.h; to find a key that is in the wrong section
  // Returns the hint for a key that other tools use: "use train.micro_batch_size".
  std::function<std::optional<std::string>(std::string_view key)> advise;
};

// Reads a tree of nodes into settings. Adds a problem for every unknown key, wrong type and value
// outside its rule; such a key keeps its default. A null is the default. Makes paths of files
// relative to the working directory. Expands ${env:NAME} and keeps the unexpanded text in
// `origins`, which gets an entry for every key that is set.
void parse(const Node& root, const Fields& fields, const ParseOptions& options, Origins& origins,
           Problems& problems);

}  // namespace llmops::config
