#pragma once

#include <span>
#include <string>
#include <string_view>

namespace llmops::recipe {

// A recipe of recipes/*.yaml, built into the program.
struct Shipped {
  std::string_view name;  // "quickstart"
  std::string_view text;
  std::string summary() const;  // its first comment line
};
std::span<const Shipped> shipped_recipes();  // by name
const Shipped* find_shipped(std::string_view name);

}  // namespace llmops::recipe
