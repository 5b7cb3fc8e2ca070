#include <algorithm>

#include "base/text.h"
#include "checkpoint/checkpoint.h"

namespace llmops::checkpoint {
namespace {

constexpr std::size_t kShown = 60;

std::string shown(const Json* value) {
  if (value == nullptr) return "(none)";
  const std::string text = printable(value->is_string() ? value->as_string() : value->dump());
  if (text.size() <= kShown) return text;
  std::size_t end = kShown - 3;
  while (end > 0 && (text[end] & '\xc0') == '\x80') --end;  // not within a code point
  return text.substr(0, end) + "...";
}

void compare(const std::string& key, const Json* saved, const Json* now,
             std::vector<std::string>& changes) {
  if (saved != nullptr && now != nullptr && *saved == *now) return;
  const bool nested = saved != nullptr && saved->is_object() && now != nullptr && now->is_object();
  if (!nested) {
    changes.push_back(key + ": " + shown(saved) + " -> " + shown(now));
    return;
  }
  const auto below = [&key](const std::string& name) {
    return key.empty() ? name : key + "." + name;
  };
  for (const auto& [name, value] : saved->as_object()) {
    compare(below(name), &value, now->find(name), changes);
  }
  for (const auto& [name, value] : now->as_object()) {
    if (saved->find(name) == nullptr) compare(below(name), nullptr, &value, changes);
  }
}

}  // namespace

std::vector<std::string> identity_changes(const Json& saved, const Json& now) {
  std::vector<std::string> changes;
  compare("", &saved, &now, changes);
  return changes;
}

}  // namespace llmops::checkpoint
