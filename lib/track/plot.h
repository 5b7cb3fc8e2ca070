#pragma once

#include <string>
#include <utility>
#include <vector>

namespace llmops::track {

struct Curve {
  std::string label;
  std::vector<std::pair<double, double>> points;  // x, y; by x
};

struct PlotOptions {
  int width = 80;   // characters of the whole picture, at least 24
  int height = 16;  // lines of the drawing, at least 2
  bool log_y = false;
  bool color = false;
  std::string x_label = "step";
};

// A line chart in braille dots (2 x 4 to a character) with axis labels and, for several curves, a
// legend. Without colour, curves are told apart by a letter at their end. Values that are not
// finite, and with log_y those not positive, are gaps. Ends with a newline.
std::string braille_plot(const std::vector<Curve>& curves, const PlotOptions& options);

// Exponential moving average, corrected for its start (as in Adam): weight 0 changes nothing, 0.9
// averages about ten points. Values that are not finite stay, and do not count.
void smooth(Curve& curve, double weight);

}  // namespace llmops::track
