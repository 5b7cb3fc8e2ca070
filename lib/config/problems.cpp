#include "config/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace llmops::config {

std::string Place::text() const {
  if (!source) return "";
  if (line <= 0) return source->name;
  return column <= 0 ? fmt::format("{}:{}", source->name, line)
                     : fmt::format("{}:{}:{}", source->name, line, column);
}

void Problems::add(const Place& place, std::string_view key, std::string_view message,
                   std::string_view hint) {
  ++count_;
  if (full()) return;
  std::string text = place.text();
  for (const std::string_view part : {key, message}) {
    if (part.empty()) continue;
    if (!text.empty()) text += ": ";
    text += part;
  }
  if (!hint.empty()) text += fmt::format("; {}", hint);
  const std::string source = place.source ? place.source->name : "";
  const auto known = std::find(sources_.begin(), sources_.end(), source);
  const auto order = static_cast<std::size_t>(known - sources_.begin());
  if (known == sources_.end()) sources_.push_back(source);
  kept_.push_back({order, place.line, place.column, std::string(key), std::move(text)});
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
    return std::tie(a.source_order, a.line, a.column) < std::tie(b.source_order, b.line, b.column);
  });
  std::vector<std::string> lines;
  for (Entry& entry : ordered) lines.push_back(std::move(entry.text));
  if (count_ > kept_.size()) lines.push_back(fmt::format("and {} more", count_ - kept_.size()));
  return lines;
}

}  // namespace llmops::config
