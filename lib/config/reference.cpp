#include "config/reference.h"

#include <fmt/format.h>

#include "config/settings.h"
#include "config/value.h"

namespace llmops::config {

namespace {

constexpr std::string_view kTableHead =
    "\n| key | default | values | role | meaning |\n|---|---|---|---|---|\n";

std::string section_of(const Key& key) {
  const std::size_t size = key.path.size() - key.name.size();
  return key.path.substr(0, size == 0 ? 0 : size - 1);
}

std::string values_of(const Key& key) {
  const std::string rule = describe(key.rule);
  std::string text(key.type);
  if (!rule.empty()) text += key.rule.choices.empty() ? " " + rule : ": " + rule;
  if (key.rule.is_path) text = "path";
  return text;
}

std::string row(const Key& key) {
  const std::string value =
      key.default_value.is_null() ? "" : fmt::format("`{}`", key.default_text);
  return fmt::format("| `{}` | {} | {} | {} | {} |\n", key.name, value, values_of(key),
                     name_of(key.rule.role), key.doc);
}

}  // namespace

std::string markdown_reference(const std::vector<Key>& keys) {
  // The values of a section come first, then its sections, each under its own heading.
  std::string text;
  const auto write_values = [&](std::string_view section) {
    bool any = false;
    for (const Key& key : keys) {
      if (key.kind != Key::Kind::kValue || section_of(key) != section) continue;
      if (!any) text += kTableHead;
      any = true;
      text += row(key);
    }
  };
  text += "## Top level\n";
  write_values("");
  for (const Key& key : keys) {
    if (key.kind == Key::Kind::kValue) continue;
    const bool is_list = key.kind == Key::Kind::kSections;
    const std::string path = is_list ? key.path + "[]" : key.path;
    text += fmt::format("\n## {}\n\n{}{}\n", path, key.doc, key.optional ? " Optional." : "");
    write_values(path);
  }
  return text;
}

}  // namespace llmops::config
