#include "recipe/shipped.h"

#include "base/text.h"

namespace llmops::recipe {

std::string Shipped::summary() const {
  const std::string_view line = text.substr(0, text.find('\n'));
  return line.starts_with('#') ? std::string(trim(line.substr(1))) : "";
}

const Shipped* find_shipped(std::string_view name) {
  for (const Shipped& recipe : shipped_recipes()) {
    if (recipe.name == name) return &recipe;
  }
  return nullptr;
}

}  // namespace llmops::recipe
