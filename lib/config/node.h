#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problems.h"

namespace llmops::config {

// A value of a settings file before its type is known. A scalar stays text until a field reads it
// as its own type, so the key decides whether "off" is a text or a boolean.
struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };
  struct Member;

  Kind kind = Kind::kNull;
  SourceLocation location;
  std::string text;             // scalar
  bool quoted = false;          // scalar: text even if it reads like a number
  std::vector<Node> items;      // list
  std::vector<Member> members;  // map, in the order of the file, keys unique
  std::string given{};          // scalar: as written, when it refers to the environment

  Node* find(std::string_view key);
  const Node* find(std::string_view key) const;
  Node& set(std::string_view key, const SourceLocation& location, Node value);
  void remove(std::string_view key);
  std::string_view kind_name() const;  // "a list"
};

struct Node::Member {
  std::string key;
  SourceLocation location;
  Node value;
};

// Merges `over` into `base`: maps key by key; any other value replaces the one in `base`.
void merge(Node& base, Node over);

}  // namespace llmops::config
