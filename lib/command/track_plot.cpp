#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "command/arguments.h"
#include "command/commands.h"
#include "command/terminal.h"
#include "recipe/metrics.h"
#include "store/query.h"
#include "track/plot.h"
#include "track/resolve.h"

namespace llmops::command {

namespace {

struct PlotOptions {
  std::vector<std::string> runs, metrics;
  std::string x = "step";
  double smooth = 0;
  bool json = false;
  track::PlotOptions picture;
};

std::vector<std::string> metric_names(store::Store& store, const std::vector<store::Run>& runs) {
  std::vector<std::string> names;
  for (const store::Run& run : runs) {
    for (const store::Series& series : list_series(store, run.row)) {
      if (series.summary.n > 0) names.push_back(series.name);
    }
  }
  return names;
}

// The losses of one run, one loss of several; else whatever comes first that is not of the system.
std::vector<std::string> default_metrics(const std::vector<std::string>& names, bool one_run) {
  std::vector<std::string> chosen;
  for (const std::string_view loss : recipe::kShownSeries) {
    if (std::ranges::find(names, loss) != names.end()) chosen.emplace_back(loss);
  }
  if (!chosen.empty() && !one_run) chosen.resize(1);
  if (!chosen.empty()) return chosen;
  for (const std::string& name : names) {
    if (!name.starts_with("sys/")) return {name};
  }
  return names.empty() ? names : std::vector<std::string>{names.front()};
}

track::Curve read_curve(store::Store& store, const store::Run& run, const store::Series& series,
                        const PlotOptions& options) {
  track::Curve curve;
  for (const store::Point& point : read_points(store, run.row, series.id)) {
    const double x = options.x == "time" ? 1e-3 * static_cast<double>(point.time_ms)
                                         : static_cast<double>(point.step);
    curve.points.emplace_back(x, point.value);
  }
  if (options.x == "time")
    std::ranges::stable_sort(curve.points, {}, &std::pair<double, double>::first);
  track::smooth(curve, options.smooth);
  return curve;
}

Json curve_json(const store::Run& run, const std::string& metric, const track::Curve& curve) {
  Json x = Json::array(), y = Json::array();
  for (const auto& [px, py] : curve.points) {
    x.push(px);
    y.push(py);
  }
  return Json()
      .set("run", run.id)
      .set("name", run.name)
      .set("metric", metric)
      .set("x", x)
      .set("y", y);
}

ExitCode plot(PlotOptions options, const Invocation& invocation) {
  store::Store store = open_store(invocation);
  std::vector<store::Run> runs;
  for (const std::string& argument : options.runs) {
    runs.push_back(track::resolve_run(store, argument));
  }
  store::Transaction view(store.database(), store::Transaction::Kind::kRead);
  const std::vector<std::string> names = metric_names(store, runs);
  if (options.metrics.empty()) options.metrics = default_metrics(names, runs.size() == 1);

  std::vector<track::Curve> curves;
  Json array = Json::array();
  for (const std::string& metric : options.metrics) {
    const std::size_t before = curves.size();
    for (const store::Run& run : runs) {
      const auto series = find_series(store, run.row, metric);
      if (!series || series->summary.n == 0) continue;
      curves.push_back(read_curve(store, run, *series, options));
      curves.back().label = runs.size() == 1 ? metric : run.name + "  " + metric;
      if (options.json) array.push(curve_json(run, metric, curves.back()));
    }
    if (curves.size() > before) continue;
    Error error(ExitCode::kNotFound, fmt::format("no metric '{}'", printable(metric)));
    const auto near = nearest(metric, names);
    throw error.hint(near ? fmt::format("did you mean {}?", printable(*near))
                          : "llmops track show lists them");
  }
  if (curves.empty()) throw Error(ExitCode::kNotFound, "no metrics to draw");
  if (options.json) {
    fmt::print(invocation.out, "{}\n", array.dump());
    return ExitCode::kOk;
  }
  constexpr int kDefaultWidth = 80, kMostWidth = 240;
  if (options.picture.width == 0) {
    options.picture.width =
        std::min(terminal_width(invocation.out).value_or(kDefaultWidth), kMostWidth);
  }
  options.picture.color = invocation.color(invocation.out);
  options.picture.x_label = options.x == "time" ? "seconds" : "step";
  if (curves.size() == 1) fmt::print(invocation.out, "{}\n", printable(curves[0].label));
  fmt::print(invocation.out, "{}", braille_plot(curves, options.picture));
  return ExitCode::kOk;
}

}  // namespace

Action define_track_plot(CLI::App& app, const Invocation& invocation) {
  const auto options = std::make_shared<PlotOptions>();
  options->picture.width = 0;
  app.add_option("RUN", options->runs, "Runs, as track show names them")->required();
  app.add_option("-m,--metric", options->metrics, "A metric; may be repeated (default: the losses)")
      ->type_name("METRIC")
      ->allow_extra_args(false);
  app.add_option("--x", options->x, "Horizontal axis")
      ->check(CLI::IsMember({"step", "time"}))
      ->capture_default_str();
  app.add_option("--smooth", options->smooth, "Weight of a moving average, 0 to 0.999")
      ->check(number(config::between(0, 0.999)));
  app.add_flag("--log-y", options->picture.log_y, "Logarithmic y axis");
  app.add_option("--width", options->picture.width, "Characters (default: the terminal's)")
      ->check(whole_number(config::between(24, 1000)));
  app.add_option("--height", options->picture.height, "Lines")
      ->check(whole_number(config::between(2, 200)))
      ->capture_default_str();
  app.add_flag("--json", options->json, "All points: an array of {run, name, metric, x, y}");
  return [options, &invocation] { return plot(*options, invocation); };
}

}  // namespace llmops::command
