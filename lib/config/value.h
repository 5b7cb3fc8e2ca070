#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "config/node.h"
#include "config/visitor.h"

namespace llmops::config {

// Reports what is wrong with a value, at the value or the element of a list.
using Report = std::function<void(const Node&, std::string_view message, std::string_view hint)>;

// Reads a scalar or a list of scalars into a setting, by the setting's type and rule. Leaves it as
// it is when something is wrong.
void assign(const FieldRef& field, const Node& node, const Rule& rule, const Report& report);

// The value as stored and compared: null for an unset optional, bytes as an integer, durations as
// seconds.
Json value_of(const FieldRef& field);
// The value as it is written in a settings file; reads back as the same value.
std::string yaml_of(const FieldRef& field);
std::string yaml_string(std::string_view text);  // quoted where YAML asks for it

bool is_optional(const FieldRef& field);
std::string_view type_name(const FieldRef& field);  // "integer", "list of numbers"
// What a rule allows: "at least 1", "one of a, b"; "" for anything.
std::string describe(const Rule& rule);

}  // namespace llmops::config
