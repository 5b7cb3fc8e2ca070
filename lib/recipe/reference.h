#pragma once

#include <string>

#include "base/json.h"

namespace llmops::recipe {

// Returns the page docs/recipe-keys.md: every key, and the names that other tools have for them.
std::string reference_page();

// Returns the JSON Schema (draft 2020-12) of a recipe file.
Json schema();

}  // namespace llmops::recipe
