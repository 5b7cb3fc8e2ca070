#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llmops::config {

// A scalar with each ${env:NAME} replaced by the variable's value. $${env:NAME} becomes the text
// ${env:NAME}.
struct Expansion {
  std::string text;
  std::vector<std::string> names;  // the variables used, in order
  std::string problem;             // a missing variable or a malformed reference; else empty
};
Expansion expand_environment(std::string_view text);
// Returns a text that expands to this one.
std::string escape_environment(std::string_view text);

}  // namespace llmops::config
