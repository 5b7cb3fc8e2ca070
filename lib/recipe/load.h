#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "config/overrides.h"
#include "config/problems.h"
#include "config/view.h"
#include "recipe/identity.h"
#include "recipe/recipe.h"

namespace llmops::recipe {

// A recipe with everything that a command needs and a run records about it.
struct LoadedRecipe {
  Recipe recipe;
  std::string path;         // as given: a file, or the name of a built-in recipe
  std::string given;        // the file's text
  std::string resolved;     // every default filled in; reads back as the same recipe
  config::Origins origins;  // of each value
  // Every key that is set, and its value; as written if it refers to the environment.
  std::vector<std::pair<std::string, Json>> params;
  Identity identity;          // its settings; inputs are known once the data is read
  config::Problems problems;  // empty: the recipe is sound

  // Returns the value of a key in `params`; nullptr when it is unset.
  const Json* find_param(std::string_view key) const;
  // Throws Error(kUsage) with one line per problem.
  void require_sound() const;
};

// Reads a recipe, applies overrides ("key.sub=value") and then texts, and checks it. Bad content
// does not throw: `problems` lists every error, and the rest is filled in as far as it could be
// read. Throws Error(kUsage) when there is no such file. A name without '/' may be that of a
// built-in recipe.
LoadedRecipe load_recipe(const std::string& path, std::span<const std::string> overrides = {},
                         std::span<const config::TypedText> texts = {});

// Fills in what follows from the recipe and its origins: resolved, params, identity.
void describe(LoadedRecipe& loaded);

}  // namespace llmops::recipe
