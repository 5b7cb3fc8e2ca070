#include "config/overrides.h"

#include <fmt/format.h>

#include "base/text.h"
#include "config/yaml.h"

namespace llmops::config {

namespace {

constexpr std::size_t kMaxParts = 16;

bool is_null_word(std::string_view text) {
  return text.empty() || text == "null" || text == "~" || text == "Null" || text == "NULL";
}

Node parse_value(std::string_view text, const Place& place, Problems& problems) {
  Node node;
  node.place = place;
  if (!text.empty() && std::string_view("[{\"'").find(text.front()) != std::string_view::npos) {
    const std::size_t before = problems.count();
    Node parsed = parse_yaml(text, place.source, problems);
    return problems.count() == before ? parsed : node;
  }
  if (!is_null_word(text)) {
    node.kind = Node::Kind::kScalar;
    node.text = text;
  }
  return node;
}

// The element of a list that a part of a key names; nullptr when it is beyond the end.
Node* element(Node& list, std::string_view part, const Place& place) {
  const auto index = static_cast<std::size_t>(parse_int(part).value_or(0));
  if (index > list.items.size()) return nullptr;
  if (index == list.items.size()) {
    Node fresh;
    fresh.place = place;
    list.items.push_back(std::move(fresh));
  }
  return &list.items[index];
}

bool is_index(std::string_view part) {
  return part.size() <= 4 && part.find_first_not_of("0123456789") == std::string_view::npos;
}

// Makes `node` a container of the kind that `part` needs; what it held otherwise is replaced.
void become_container(Node& node, std::string_view part, const Place& place) {
  const Node::Kind wanted = is_index(part) ? Node::Kind::kList : Node::Kind::kMap;
  if (node.kind == wanted) return;
  node = Node{};
  node.kind = wanted;
  node.place = place;
}

}  // namespace

void apply_overrides(Node& root, std::span<const std::string> assignments, Problems& problems) {
  const Place place{std::make_shared<Source>(Source{"command line", ""}), 0, 0};
  for (const std::string& assignment : assignments) {
    const std::string shown = printable(assignment.substr(0, assignment.find('=')));
    const auto refuse = [&](std::string_view message) { problems.add(place, shown, message); };
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      problems.add(place, printable(assignment), "not KEY=VALUE");
      continue;
    }
    const std::vector<std::string> parts = split(assignment.substr(0, equals), '.');
    if (parts.size() > kMaxParts) {
      refuse("the key has too many parts");
      continue;
    }
    if (invalid_utf8(assignment)) {
      refuse("not valid UTF-8");
      continue;
    }
    Node* node = &root;
    for (std::size_t i = 0; i < parts.size() && node != nullptr; ++i) {
      if (i > 0) become_container(*node, parts[i], place);
      if (node->kind == Node::Kind::kList) {
        const std::size_t count = node->items.size();
        node = element(*node, parts[i], place);
        if (node == nullptr) refuse(fmt::format("the list has {} elements", count));
      } else if (Node* member = node->find(parts[i])) {
        node = member;
      } else {
        node = &node->set(parts[i], place, Node{});
      }
    }
    if (node == nullptr) continue;
    *node = parse_value(trim(std::string_view(assignment).substr(equals + 1)), place, problems);
  }
}

}  // namespace llmops::config
