#include "config/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "config/view.h"

namespace llmops::config {

std::string SourceLocation::text() const {
  if (!source) return "";
  if (line <= 0) return source->name;
  return column <= 0 ? fmt::format("{}:{}", source->name, line)
                     : fmt::format("{}:{}:{}", source->name, line, column);
}

void Problems::add(const SourceLocation& location, std::string_view key, std::string_view message,
                   std::string_view hint) {
  ++count_;
  if (full()) return;
  std::string text(message);
  if (!hint.empty()) text += fmt::format("; {}", hint);
  const std::string source = location.source ? location.source->name : "";
  const auto known = std::find(sources_.begin(), sources_.end(), source);
  const auto order = static_cast<std::size_t>(known - sources_.begin());
  if (known == sources_.end()) sources_.push_back(source);
  kept_.push_back({order, location, std::string(key), std::move(text)});
}

void Problems::add_within(const SourceLocation& location, std::string_view key, std::size_t first,
                          const Problems& of_value) {
  for (const Entry& entry : of_value.kept_) {
    const std::size_t column =
        first + static_cast<std::size_t>(std::max(entry.location.column, 1)) - 1;
    add(location, entry.key.empty() ? key : join_key(key, entry.key),
        fmt::format("column {}: {}", column, entry.message));
  }
}

bool Problems::concerns(std::string_view section) const {
  return std::any_of(kept_.begin(), kept_.end(), [&](const Entry& entry) {
    return entry.key.starts_with(section) &&
           (entry.key.size() == section.size() || entry.key[section.size()] == '.');
  });
}

std::vector<std::string> Problems::lines() const {
  std::vector<Entry> ordered = kept_;
  std::stable_sort(ordered.begin(), ordered.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.source_order, a.location.line, a.location.column) <
           std::tie(b.source_order, b.location.line, b.location.column);
  });
  std::vector<std::string> lines;
  for (const Entry& entry : ordered) {
    std::string line = entry.location.text();
    for (const std::string& part : {entry.key, entry.message}) {
      if (part.empty()) continue;
      if (!line.empty()) line += ": ";
      line += part;
    }
    lines.push_back(std::move(line));
  }
  if (count_ > kept_.size()) lines.push_back(fmt::format("and {} more", count_ - kept_.size()));
  return lines;
}

}  // namespace llmops::config
