#include "track/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace llmops::track {

namespace {

constexpr int kDim = 2;

std::string padded(const std::string& text, std::size_t width, Table::Align align) {
  const std::string blanks(width - std::min(width, display_width(text)), ' ');
  return align == Table::Align::kRight ? blanks + text : text + blanks;
}

}  // namespace

void Table::column(std::string title, Align align) {
  titles_.push_back(std::move(title));
  aligns_.push_back(align);
}

void Table::row(std::vector<std::string> cells, int color, std::size_t colored) {
  for (std::string& cell : cells) cell = printable(cell);
  cells.resize(titles_.size());
  rows_.push_back({std::move(cells), color, colored});
}

std::string Table::text(bool color, int indent) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < titles_.size(); ++i) {
    std::size_t width = display_width(titles_[i]);
    for (const Row& row : rows_) width = std::max(width, display_width(row.cells[i]));
    widths.push_back(width);
  }
  std::string text;
  const auto line = [&](const std::vector<std::string>& cells, int sgr, std::size_t colored,
                        bool whole) {
    std::string one(static_cast<std::size_t>(indent), ' ');
    for (std::size_t i = 0; i < cells.size(); ++i) {
      std::string cell = padded(cells[i], widths[i], aligns_[i]);
      if (i + 1 == cells.size()) cell.erase(cell.find_last_not_of(' ') + 1);
      if (i > 0) one += "  ";
      one += painted(cell, sgr, color && (whole || i == colored) && sgr != 0);
    }
    one.erase(one.find_last_not_of(' ') + 1);
    text += one + '\n';
  };
  const bool has_titles = std::ranges::any_of(titles_, [](const auto& t) { return !t.empty(); });
  if (has_titles) line(titles_, kDim, 0, true);
  for (const Row& row : rows_) line(row.cells, row.color, row.colored, false);
  return text;
}

std::string painted(std::string_view text, int sgr, bool color) {
  return color ? fmt::format("\x1b[{}m{}\x1b[0m", sgr, text) : std::string(text);
}

std::string short_number(double value) {
  return std::isfinite(value) ? fmt::format("{:.5g}", value) : format_double(value);
}

std::string value_text(std::string_view name, double value) {
  if (!std::isfinite(value)) return short_number(value);
  if (name.ends_with("_bytes")) return format_bytes(value);
  if (name.ends_with("_bytes_per_second")) return format_bytes(value) + "/s";
  return short_number(value);
}

}  // namespace llmops::track
