#pragma once

#include <span>
#include <string>

#include "config/node.h"
#include "config/problems.h"

namespace llmops::config {

// Name of the source of what is typed.
inline constexpr const char* kCommandLine = "command line";

// Applies "key.sub=value" in order to a map. "data.train.0.path=x" reaches into a list (one past
// its end appends), "key=null" unsets. A value that begins with a quote, '[' or '{' is read as
// YAML, any other stands for itself, so that paths with '*', '#' or ': ' need no second quoting.
void apply_overrides(Node& root, std::span<const std::string> assignments, Problems& problems);

// The value of an option that sets a key, such as --name: a text, taken as it is typed.
struct TypedText {
  std::string key, value;
};
void apply_texts(Node& root, std::span<const TypedText> texts, Problems& problems);

}  // namespace llmops::config
