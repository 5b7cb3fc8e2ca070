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
  std::vector<std::string> all_keys;  // see keys.h; for keys that stand in the wrong section
  // What to say about a key that other tools use: "ours is train.micro_batch_size".
  std::function<std::optional<std::string>(std::string_view key)> advise;
};

// Reads a tree of nodes into settings. Unknown keys, wrong types and values outside their rule go
// to `problems`, all of them, and leave the default in place. A null means the default. Paths of
// files become relative to the working directory; ${env:NAME} is expanded and kept unexpanded in
// `origins`, which gets an entry for every key that is set.
void parse(const Node& root, const Fields& fields, const ParseOptions& options, Origins& origins,
           Problems& problems);

}  // namespace llmops::config
