#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace llmops {

// One row of the table of names of an enum. Each enum has one table, used to parse and to print. An
// enum whose namespace has `std::span<const EnumName<E>> names_of(E)` works with enum_name() and
// find_enum(), and as a setting (config/visitor.h).
template <typename E>
struct EnumName {
  E value;
  std::string_view name;
};

// Returns the name of a value; an empty text for a value that is not in the table.
template <typename E>
std::string_view enum_name(E value) {
  for (const auto& [known, name] : names_of(E{})) {
    if (known == value) return name;
  }
  return {};
}

// Returns the value with this name; nothing if no value has it.
template <typename E>
std::optional<E> find_enum(std::string_view name) {
  for (const auto& [value, known] : names_of(E{})) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace llmops
