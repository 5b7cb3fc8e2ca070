#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "config/view.h"

namespace llmops::config {

// One setting of a filled-in tree.
struct Setting {
  std::string key;  // "data.train.0.path"
  Json value;       // null: unset
  Role role;
};

// Returns all settings in the order of their fields. With `origins`, values from the environment
// appear as they were given, so the list may be stored.
std::vector<Setting> settings(const Fields& fields, const Origins* origins = nullptr);

std::string_view name_of(Role role);  // "identity", "horizon", "operational"

}  // namespace llmops::config
