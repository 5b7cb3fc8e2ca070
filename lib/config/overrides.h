#pragma once

#include <span>
#include <string>

#include "config/node.h"
#include "config/problems.h"

namespace llmops::config {

// Name of the source of values that were typed.
inline constexpr const char* kCommandLine = "command line";

// Applies "key.sub=value" in order to a map. "data.train.0.path=x" sets a key in an element of a
// list (the index after the last one appends), "key=null" unsets. A value that begins with a quote,
// '[' or '{' is read as YAML. Any other is plain text, so paths with '*', '#' or ': ' need no
// second quoting.
void apply_overrides(Node& root, std::span<const std::string> assignments, Problems& problems);

// The value of an option that sets a key, such as --name: plain text, never read as YAML.
struct TypedText {
  std::string key, value;
};
void apply_texts(Node& root, std::span<const TypedText> texts, Problems& problems);

}  // namespace llmops::config
