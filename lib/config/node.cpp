#include "config/node.h"

#include <utility>

namespace llmops::config {

const Node* Node::find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

Node* Node::find(std::string_view key) {
  return const_cast<Node*>(std::as_const(*this).find(key));
}

Node& Node::set(std::string_view key, const SourceLocation& at, Node value) {
  for (Member& member : members) {
    if (member.key != key) continue;
    member.location = at;
    return member.value = std::move(value);
  }
  return members.emplace_back(Member{std::string(key), at, std::move(value)}).value;
}

void Node::remove(std::string_view key) {
  std::erase_if(members, [&](const Member& member) { return member.key == key; });
}

std::string_view Node::kind_name() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kScalar:
      return "a value";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      break;
  }
  return "a section";
}

void merge(Node& base, Node over) {
  if (base.kind != Node::Kind::kMap || over.kind != Node::Kind::kMap) {
    base = std::move(over);
    return;
  }
  for (Node::Member& member : over.members) {
    if (Node* known = base.find(member.key)) {
      merge(*known, std::move(member.value));
    } else {
      base.members.push_back(std::move(member));
    }
  }
}

}  // namespace llmops::config
