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

// Returns a line chart in braille dots (2 x 4 per character) with axis labels and, for several
// curves, a legend. Without colour, a letter at its end marks each curve. Values that are not
// finite are gaps, and with log_y those that are not positive. Ends with a newline.
std::string braille_plot(const std::vector<Curve>& curves, const PlotOptions& options);

// Replaces the values by their exponential moving average, with the start corrected as in Adam:
// weight 0 changes nothing, 0.9 averages about ten points. Skips values that are not finite.
void smooth(Curve& curve, double weight);

}  // namespace llmops::track
