#include "track/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "base/text.h"

namespace llmops::track {

namespace {

constexpr int kColors[] = {36, 33, 35, 32, 34, 31};  // cyan, yellow, magenta, green, blue, red

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
  // Adds room around a single value, because share() divides by the extent.
  void widen() {
    if (low < high) return;
    const double room = low == 0 ? 1 : 0.1 * std::abs(low);
    low -= room;
    high += room;
  }
  // Returns 0 at low and 1 at high. Halves first: high - low may overflow.
  double share(double value) const { return (value / 2 - low / 2) / (high / 2 - low / 2); }
  double at(double part) const { return low * (1 - part) + high * part; }
};

// Dots on a grid of braille characters; row 0 is on top.
class Canvas {
 public:
  Canvas(int columns, int rows)
      : columns_(columns), rows_(rows), cells_(static_cast<std::size_t>(columns * rows)) {}

  int dots_wide() const { return 2 * columns_; }
  int dots_high() const { return 4 * rows_; }

  // Draws Bresenham's line between two dots.
  void line(int x0, int y0, int x1, int y1, int curve) {
    const int dx = std::abs(x1 - x0), dy = -std::abs(y1 - y0);
    const int sx = x0 < x1 ? 1 : -1, sy = y0 < y1 ? 1 : -1;
    for (int error = dx + dy;;) {
      dot(x0, y0, curve);
      if (x0 == x1 && y0 == y1) return;
      const int doubled = 2 * error;
      if (doubled >= dy) {
        error += dy;
        x0 += sx;
      }
      if (doubled <= dx) {
        error += dx;
        y0 += sy;
      }
    }
  }

  // Draws the letter of a curve, to the left of letters that are there already.
  void letter(int x, int y, int curve) {
    while (x >= 2 && cell(x, y).letter != 0) x -= 2;
    cell(x, y).letter = static_cast<char>('a' + curve % 26);
  }

  std::string row(int y, bool color) const {
    std::string text;
    int end = columns_;  // blanks at the end of a line are left out
    while (end > 0 && at(end - 1, y).bits == 0 && at(end - 1, y).letter == 0) --end;
    for (int x = 0; x < end; ++x) {
      const Cell& cell = at(x, y);
      std::string character = " ";
      if (cell.letter != 0) {
        character = cell.letter;
      } else if (cell.bits != 0) {  // U+2800 and the dots
        character = {'\xe2', static_cast<char>(0xa0 + (cell.bits >> 6)),
                     static_cast<char>(0x80 + (cell.bits & 0x3f))};
      }
      if (color && character != " ") {
        text +=
            fmt::format("\x1b[{}m{}\x1b[0m", kColors[cell.curve % std::size(kColors)], character);
      } else {
        text += character;
      }
    }
    return text;
  }

 private:
  struct Cell {
    unsigned bits = 0;
    char letter = 0;
    std::size_t curve = 0;
  };
  const Cell& at(int x, int y) const { return cells_[static_cast<std::size_t>(y * columns_ + x)]; }
  Cell& cell(int x, int y) { return cells_[static_cast<std::size_t>(y / 4 * columns_ + x / 2)]; }
  void dot(int x, int y, int curve) {
    constexpr unsigned kBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    Cell& target = cell(x, y);
    target.bits |= kBits[y % 4][x % 2];
    target.curve = static_cast<std::size_t>(curve);
  }

  int columns_, rows_;
  std::vector<Cell> cells_;
};

// Returns the position of a value on the y axis; nothing for a gap.
std::optional<double> height_of(double value, bool log_y) {
  if (!std::isfinite(value) || (log_y && value <= 0)) return std::nullopt;
  return log_y ? std::log10(value) : value;
}

void draw(const Curve& curve, int index, const Range& x, const Range& y, const PlotOptions& options,
          bool with_letter, Canvas& canvas) {
  int last_x = -1, last_y = -1;
  bool after_gap = true;
  for (const auto& [px, py] : curve.points) {
    const auto height = height_of(py, options.log_y);
    if (!height || !std::isfinite(px)) {
      after_gap = true;
      continue;
    }
    const int dot_x = static_cast<int>(std::lround(x.share(px) * (canvas.dots_wide() - 1)));
    const int dot_y =
        static_cast<int>(std::lround((1 - y.share(*height)) * (canvas.dots_high() - 1)));
    if (after_gap) {
      canvas.line(dot_x, dot_y, dot_x, dot_y, index);
    } else if (dot_x != last_x || dot_y != last_y) {
      canvas.line(last_x, last_y, dot_x, dot_y, index);
    }
    last_x = dot_x;
    last_y = dot_y;
    after_gap = false;
  }
  if (with_letter && last_x >= 0) canvas.letter(last_x, last_y, index);
}

std::string legend(const std::vector<Curve>& curves, bool color, int indent) {
  std::string text;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const std::string mark = color
                                 ? fmt::format("\x1b[{}m━━\x1b[0m", kColors[i % std::size(kColors)])
                                 : std::string(1, static_cast<char>('a' + i % 26));
    text += fmt::format("{:{}}{} {}\n", "", indent, mark, printable(curves[i].label));
  }
  return text;
}

std::string axis_label(double value) {
  return fmt::format("{:.4g}", value);
}

}  // namespace

std::string braille_plot(const std::vector<Curve>& curves, const PlotOptions& options) {
  Range x, y;
  for (const Curve& curve : curves) {
    for (const auto& [px, py] : curve.points) {
      const auto height = height_of(py, options.log_y);
      if (!height || !std::isfinite(px)) continue;
      x.include(px);
      y.include(*height);
    }
  }
  if (y.empty()) return "nothing to draw: no finite values\n";
  const Range x_named = x;
  x.widen();
  y.widen();

  const int rows = std::max(options.height, 2);
  std::vector<std::string> labels(static_cast<std::size_t>(rows));
  std::size_t label_width = 0;
  const int ticks = std::max(std::min(rows - 1, 2), (rows - 1) / 4);  // not counting the first row
  for (int tick = 0; tick <= ticks; ++tick) {
    const auto row = std::lround(static_cast<double>(tick * (rows - 1)) / ticks);
    const double value = y.at(1 - static_cast<double>(row) / (rows - 1));
    auto& label = labels[static_cast<std::size_t>(row)];
    label = axis_label(options.log_y ? std::pow(10.0, value) : value);
    label_width = std::max(label_width, label.size());
  }

  const int columns = std::max(options.width - static_cast<int>(label_width) - 2, 10);
  Canvas canvas(columns, rows);
  const bool several = curves.size() > 1;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    draw(curves[i], static_cast<int>(i), x, y, options, several && !options.color, canvas);
  }

  std::string text;
  for (int row = 0; row < rows; ++row) {
    const std::string& label = labels[static_cast<std::size_t>(row)];
    text += fmt::format("{:>{}} {}{}\n", label, label_width, label.empty() ? "│" : "┤",
                        canvas.row(row, options.color));
  }
  std::string line;
  for (int i = 0; i < columns; ++i) line += "─";
  text += fmt::format("{:>{}} └{}\n", "", label_width, line);

  const std::string left = axis_label(x_named.low);
  const std::string right = x_named.low < x_named.high ? axis_label(x_named.high) : "";
  const int gap = columns - static_cast<int>(left.size() + right.size());
  text += fmt::format("{:>{}}{}{:^{}}{}\n", "", label_width + 2, left, options.x_label,
                      std::max(gap, 1), right);
  if (several) text += legend(curves, options.color, static_cast<int>(label_width) + 2);
  return text;
}

void smooth(Curve& curve, double weight) {
  double average = 0, total = 0;
  for (auto& [x, y] : curve.points) {
    if (!std::isfinite(y)) continue;
    average = weight * average + (1 - weight) * y;
    total = weight * total + (1 - weight);
    y = average / total;
  }
}

}  // namespace llmops::track
