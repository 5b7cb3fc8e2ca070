#include "track/plot.h"

#include <cmath>
#include <limits>

#include "base/text.h"
#include "tests/catch.h"

namespace llmops::track {
namespace {

PlotOptions picture(int width, int height) {
  PlotOptions options;
  options.width = width;
  options.height = height;
  return options;
}

TEST_CASE("a straight line is drawn from corner to corner, with the ends of its axes") {
  const std::string text = braille_plot({{"up", {{0, 0}, {10, 5}}}}, picture(15, 3));
  CHECK(text ==
        "  5 ┤      ⢀⡠⠔⠊\n"
        "2.5 ┤   ⢀⠤⠒⠁\n"
        "  0 ┤⡠⠔⠊⠁\n"
        "    └──────────\n"
        "     0 step  10\n");
}

TEST_CASE("no line is wider than asked") {
  std::vector<std::pair<double, double>> points;
  for (int i = 0; i < 1000; ++i) points.emplace_back(i, std::sin(0.05 * i) * 1e-7);
  for (const int width : {24, 40, 80, 200}) {
    for (const std::string& line : split(braille_plot({{"a", points}}, picture(width, 8)), '\n')) {
      CAPTURE(line);
      CHECK(std::ssize(line) >= 0);
      CHECK(static_cast<int>(display_width(line)) <= width);
    }
  }
}

TEST_CASE("several curves end in the letter of their legend, or have colours") {
  const std::vector<Curve> curves{{"one", {{0, 0}, {1, 1}}}, {"two\x1b[2J", {{0, 1}, {1, 0}}}};
  PlotOptions options = picture(30, 4);
  const std::string plain = braille_plot(curves, options);
  CHECK(plain.find("a one\n") != std::string::npos);
  CHECK(plain.find("b two\\x1b[2J\n") != std::string::npos);
  CHECK(plain.find('\x1b') == std::string::npos);
  CHECK(plain.substr(0, plain.find('\n')).ends_with("a"));
  options.color = true;
  const std::string colored = braille_plot(curves, options);
  CHECK(colored.find("\x1b[36m") != std::string::npos);
  CHECK(colored.find("\x1b[33m") != std::string::npos);
  CHECK(colored.find("\x1b[2J") == std::string::npos);
}

TEST_CASE("what is no number leaves a gap, and nothing else than that is said") {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  CHECK(braille_plot({{"x", {{0, nan}, {1, infinity}}}}, picture(30, 4)) ==
        "nothing to draw: no finite values\n");
  CHECK(braille_plot({}, picture(30, 4)) == "nothing to draw: no finite values\n");
  const std::string gap = braille_plot({{"x", {{0, 1}, {1, nan}, {2, 1}}}}, picture(20, 2));
  CHECK(gap.find("⠤") == std::string::npos);  // no line across
  CHECK(braille_plot({{"x", {{0, 1}}}}, picture(20, 2)).find("nothing") == std::string::npos);
}

TEST_CASE("extremes of the number range are drawn") {
  const double most = std::numeric_limits<double>::max();
  const std::string text = braille_plot({{"x", {{-most, -most}, {most, most}}}}, picture(40, 4));
  CHECK(text.find("⡠") != std::string::npos);
  const std::string tiny = braille_plot({{"x", {{0, 5e-324}, {1, 1e-323}}}}, picture(40, 4));
  CHECK_FALSE(tiny.empty());
}

TEST_CASE("a logarithmic axis names values, and leaves out what has no logarithm") {
  PlotOptions options = picture(30, 3);
  options.log_y = true;
  const std::string text = braille_plot({{"x", {{0, 1}, {1, 0}, {2, -5}, {3, 100}}}}, options);
  CHECK(text.find("100 ┤") != std::string::npos);
  CHECK(text.find(" 10 ┤") != std::string::npos);
  CHECK(text.find("  1 ┤") != std::string::npos);
}

TEST_CASE("smoothing keeps a constant, starts at the first value, and passes over NaN") {
  Curve constant{"c", {{0, 3}, {1, 3}, {2, 3}}};
  smooth(constant, 0.9);
  for (const auto& point : constant.points) CHECK(point.second == Approx(3));
  Curve curve{"c", {{0, 1}, {1, std::nan("")}, {2, 2}}};
  smooth(curve, 0.5);
  CHECK(curve.points[0].second == Approx(1));
  CHECK(std::isnan(curve.points[1].second));
  CHECK(curve.points[2].second == Approx((0.5 * 0.5 * 1 + 0.5 * 2) / 0.75));
  Curve same{"c", {{0, 1}, {1, 5}}};
  smooth(same, 0);
  CHECK(same.points[1].second == 5);
}

}  // namespace
}  // namespace llmops::track
