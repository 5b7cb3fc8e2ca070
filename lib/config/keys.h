#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "config/view.h"

namespace llmops::config {

// One key of a settings file, from the fields of a default value: what parser hints, completion,
// reference and schema are made of.
struct Key {
  enum class Kind { kValue, kSection, kSections };  // kSections: a list of sections
  std::string path;                                 // "data.train[].path"
  std::string name;                                 // "path"
  Kind kind = Kind::kValue;
  std::string doc;
  bool optional = false;  // a section that may be absent, a value that may be null
  // Values only.
  std::string_view type;
  Json standard;              // the default
  std::string standard_text;  // as written in a file
  Rule rule;
};

// Every key in the order of the fields, sections before their keys. `fields` is the list of a
// default-constructed value, whose absent sections are filled in to look inside.
std::vector<Key> keys(const Fields& fields);

// "data.train.0.path" for the path "data.train[].path".
std::string example_path(std::string_view path);

}  // namespace llmops::config
