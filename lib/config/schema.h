#pragma once

#include <string_view>
#include <vector>

#include "base/json.h"
#include "config/keys.h"

namespace llmops::config {

// Returns the JSON Schema (draft 2020-12) of a settings file, for editors that check and complete
// YAML.
Json json_schema(const std::vector<Key>& keys, std::string_view title);

}  // namespace llmops::config
