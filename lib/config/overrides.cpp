#include "config/overrides.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "config/environment.h"
#include "config/yaml.h"

namespace llmops::config {

namespace {

constexpr std::size_t kMaxParts = 16;

constexpr std::string_view kNullWords[] = {"null", "~", "Null", "NULL"};

// Returns a message about a bracket or quote that is not closed, else an empty text. The message of
// yaml-cpp would be about a key that is not text.
std::string unclosed(std::string_view text, std::size_t first_column) {
  std::vector<std::size_t> open;
  const auto say = [&](std::size_t at, std::string_view what) {
    const std::size_t column = first_column + display_width(text.substr(0, at));
    return fmt::format("the {} at column {} {}", text[at], column, what);
  };
  char before = ',';  // the last character that is not a space
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins = std::string_view(",[{:").find(before) != std::string_view::npos;
    if (c != ' ') before = c;
    if ((c == '"' || c == '\'') && begins) {
      const std::size_t quote = i;
      for (++i; i < text.size() && text[i] != c; ++i) i += c == '"' && text[i] == '\\' ? 1 : 0;
      if (i >= text.size()) return say(quote, "is not closed");
    } else if (c == '[' || c == '{') {
      open.push_back(i);
    } else if (c == ']' || c == '}') {
      if (open.empty()) return say(i, "closes nothing");
      if (text[open.back()] != (c == ']' ? '[' : '{')) return say(open.back(), "is not closed");
      open.pop_back();
    }
  }
  return open.empty() ? "" : say(open.back(), "is not closed");
}

void move_to(const SourceLocation& location, Node& node) {
  node.location = location;
  for (Node& item : node.items) move_to(location, item);
  for (Node::Member& member : node.members) {
    member.location = location;
    move_to(location, member.value);
  }
}

// Parses the value of `assignment`, which begins at `at`.
Node parse_value(std::string_view assignment, std::size_t at, std::string_view key,
                 const SourceLocation& location, Problems& problems) {
  Node node;
  node.location = location;
  const std::string_view text = trim(assignment.substr(at));
  if (text.empty()) {
    problems.add(location, key, "no value", "write null for the default, '' for an empty text");
  } else if (std::string_view("[{\"'").find(text.front()) != std::string_view::npos) {
    Problems within;
    Node parsed = parse_yaml(text, location.source, within);
    if (within.empty()) {
      move_to(location, parsed);
      return parsed;
    }
    const auto before = static_cast<std::size_t>(text.data() - assignment.data());
    const std::size_t first = 1 + display_width(assignment.substr(0, before));
    const std::string bracket = unclosed(text, first);
    if (bracket.empty()) {
      problems.add_within(location, key, first, within);
    } else {
      problems.add(location, key, bracket);
    }
  } else if (std::ranges::find(kNullWords, text) == std::end(kNullWords)) {
    node.kind = Node::Kind::kScalar;
    node.text = text;
  }
  return node;
}

// Returns the element of a list that a part of a key names, appended if it is the next one; nullptr
// if the index is larger than that.
Node* element(Node& list, std::string_view part, const SourceLocation& location) {
  const auto index = static_cast<std::size_t>(parse_int(part).value_or(0));
  if (index > list.items.size()) return nullptr;
  if (index == list.items.size()) {
    Node fresh;
    fresh.location = location;
    list.items.push_back(std::move(fresh));
  }
  return &list.items[index];
}

bool is_index(std::string_view part) {
  return part.size() <= 4 && part.find_first_not_of("0123456789") == std::string_view::npos;
}

// Makes `node` a container of the kind that `part` needs. Replaces a value of another kind.
void become_container(Node& node, std::string_view part, const SourceLocation& location) {
  const Node::Kind wanted = is_index(part) ? Node::Kind::kList : Node::Kind::kMap;
  if (node.kind == wanted) return;
  node = Node{};
  node.kind = wanted;
  node.location = location;
}

// Returns the node that a key names, created if it is absent; adds a problem and returns nullptr if
// that is impossible.
Node* reach(Node& root, std::string_view key, const SourceLocation& location, Problems& problems) {
  const std::vector<std::string> parts = split(key, '.');
  const std::string shown = printable(key);
  if (parts.size() > kMaxParts) {
    problems.add(location, shown, "the key has too many parts");
    return nullptr;
  }
  Node* node = &root;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) become_container(*node, parts[i], location);
    if (node->kind == Node::Kind::kList) {
      const std::size_t count = node->items.size();
      node = element(*node, parts[i], location);
      if (node == nullptr) {
        problems.add(location, shown, fmt::format("the list has {} elements", count));
        return nullptr;
      }
    } else if (Node* member = node->find(parts[i])) {
      node = member;
    } else {
      node = &node->set(parts[i], location, Node{});
    }
  }
  return node;
}

SourceLocation command_line() {
  return {std::make_shared<Source>(Source{kCommandLine, ""}), 0, 0};
}

}  // namespace

void apply_overrides(Node& root, std::span<const std::string> assignments, Problems& problems) {
  const SourceLocation location = command_line();
  for (const std::string& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    const std::string key = assignment.substr(0, equals);
    if (equals == std::string::npos || equals == 0) {
      problems.add(location, printable(assignment), "not KEY=VALUE");
    } else if (invalid_utf8(assignment)) {
      problems.add(location, printable(key), "not valid UTF-8");
    } else if (Node* node = reach(root, key, location, problems)) {
      *node = parse_value(assignment, equals + 1, printable(key), location, problems);
    }
  }
}

void apply_texts(Node& root, std::span<const TypedText> texts, Problems& problems) {
  const SourceLocation location = command_line();
  for (const TypedText& typed : texts) {
    if (invalid_utf8(typed.value)) {
      problems.add(location, typed.key, "not valid UTF-8");
    } else if (Node* node = reach(root, typed.key, location, problems)) {
      *node =
          Node{Node::Kind::kScalar, location, escape_environment(typed.value), true, {}, {}, ""};
    }
  }
}

}  // namespace llmops::config
