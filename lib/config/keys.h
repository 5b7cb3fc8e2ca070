#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "config/view.h"

namespace llmops::config {

// One key of a settings file, read from the fields of a default value. Parser hints, completion,
// reference and schema are made from these.
struct Key {
  enum class Kind { kValue, kSection, kSections };  // kSections: a list of sections
  std::string path;                                 // "data.train[].path"
  std::string name;                                 // "path"
  Kind kind = Kind::kValue;
  std::string doc;
  bool optional = false;  // a section that may be absent, a value that may be null
  // Values only.
  std::string_view type;
  Json default_value;
  std::string default_text;  // as written in a file
  Rule rule;
};

// Returns every key in the order of the fields, sections before their keys. `fields` is the list of
// a default-constructed value; its absent sections are created to visit their keys.
std::vector<Key> keys(const Fields& fields);

// Returns "data.train.0.path" for the path "data.train[].path".
std::string example_path(std::string_view path);

}  // namespace llmops::config
