#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llmops::track {

// A table of text from a store. Every cell goes through printable().
class Table {
 public:
  enum class Align { kLeft, kRight };
  void column(std::string title, Align align = Align::kLeft);
  // One text per column; `color` (an SGR number, 0 = none) is that of the column `colored`.
  void row(std::vector<std::string> cells, int color = 0, std::size_t colored = 0);

  // Columns are two blanks apart; a title line comes first unless all titles are empty.
  std::string text(bool color, int indent = 0) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    int color = 0;
    std::size_t colored = 0;
  };
  std::vector<std::string> titles_;
  std::vector<Align> aligns_;
  std::vector<Row> rows_;
};

std::string painted(std::string_view text, int sgr, bool color);

// Five significant digits: enough to compare by eye. "NaN", "Infinity" as JSON writes them.
std::string short_number(double value);
// Returns the same, with a unit if the name of the metric or key ends with "_bytes" or
// "_bytes_per_second".
std::string value_text(std::string_view name, double value);

}  // namespace llmops::track
