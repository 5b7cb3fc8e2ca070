#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "config/node.h"
#include "config/visitor.h"

namespace llmops::config {

// Reports an error in a value, at the value or at the element of a list.
using Report = std::function<void(const Node&, std::string_view message, std::string_view hint)>;

// Reads a scalar or a list of scalars into a setting, by the setting's type and rule. After an
// error the setting is unchanged.
void assign(const FieldRef& field, const Node& node, const Rule& rule, const Report& report);

// Returns the value as it is stored and compared: null for an unset optional, durations in seconds.
Json value_of(const FieldRef& field);
// Returns the value as written in a settings file; it reads back as the same value.
std::string yaml_of(const FieldRef& field);
std::string yaml_string(std::string_view text);  // quoted where YAML requires it

bool is_optional(const FieldRef& field);
std::string_view type_name(const FieldRef& field);  // "integer", "list of numbers"
// Returns the values that a rule allows: "at least 1", "one of a, b"; "" for any.
std::string describe(const Rule& rule);

}  // namespace llmops::config
