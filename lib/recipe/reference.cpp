#include "recipe/reference.h"

#include <fmt/format.h>

#include "config/keys.h"
#include "config/reference.h"
#include "config/schema.h"
#include "recipe/peer_keys.h"
#include "recipe/recipe.h"

namespace llmops::recipe {

namespace {

constexpr std::string_view kIntroduction = R"(# Keys of a recipe

<!-- Made by `llmops recipe schema --markdown`; do not edit. -->

Every key of a recipe, with its default, its values and its role. [recipes.md](recipes.md) explains
the language of recipes and the roles.

)";

}  // namespace

std::string reference_page() {
  std::string page(kIntroduction);
  page += config::markdown_reference(recipe_keys());
  page += "\n## Names of other tools\n\n| other name | key |\n|---|---|\n";
  for (const PeerKey& key : peer_keys()) {
    page += fmt::format("| `{}` | `{}` |\n", key.theirs, key.key);
  }
  return page;
}

Json schema() {
  return config::json_schema(recipe_keys(), "llmops recipe");
}

}  // namespace llmops::recipe
