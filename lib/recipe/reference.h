#pragma once

#include <string>

#include "base/json.h"

namespace llmops::recipe {

// docs/recipe.md: how a recipe is written, every key, and the names of other tools.
std::string reference_page();

// JSON Schema (draft 2020-12) of a recipe file.
Json schema();

}  // namespace llmops::recipe
