#include "track/tail.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "track/table.h"

namespace llmops::track {

Tail::Tail(store::Store store, const store::Run& run, TailOptions options)
    : store_(std::move(store)), id_(run.id), row_(run.row), options_(std::move(options)) {
  // A commit holds at least one step, and at most one chunk of most series.
  const std::int64_t chunks =
      options_.lines * std::max<std::int64_t>(1, std::ssize(list_series(store_, row_)));
  chunk_ = chunk_before_last(store_, row_, chunks);
}

bool Tail::wants(std::string_view series) const {
  if (options_.metrics.empty()) return !series.starts_with("sys/");
  return std::ranges::find(options_.metrics, series) != options_.metrics.end();
}

std::vector<TailLine> Tail::new_lines() {
  store::Transaction view(store_.database(), store::Transaction::Kind::kRead);
  std::vector<store::NamedPoint> points = read_new_points(store_, row_, chunk_);
  // The clock ticks every 4 ms, which may be several steps.
  const auto by_time = [](const auto& a, const auto& b) {
    return std::pair(a.point.time_ms, a.point.step) < std::pair(b.point.time_ms, b.point.step);
  };
  std::stable_sort(points.begin(), points.end(), by_time);
  std::vector<TailLine> lines;
  for (store::NamedPoint& named : points) {
    if (!wants(named.series)) continue;
    if (lines.empty() || lines.back().step != named.point.step) {
      lines.push_back({named.point.step, {}, std::nullopt});
    }
    lines.back().values.emplace_back(std::move(named.series), named.point.value);
  }
  for (store::Event& event : read_new_events(store_, row_, event_)) {
    const auto after = [&](const TailLine& line) { return line.step > event.step; };
    lines.insert(std::ranges::find_if(lines, after), TailLine{event.step, {}, std::move(event)});
  }
  return lines;
}

std::vector<TailLine> Tail::read() {
  std::vector<TailLine> lines = new_lines();
  if (is_first_) {
    const auto most = static_cast<std::size_t>(options_.lines);
    if (lines.size() > most) lines.erase(lines.begin(), lines.end() - options_.lines);
  }
  is_first_ = false;
  return lines;
}

bool Tail::has_changed() {
  const std::int64_t version = store_.database().integer("PRAGMA data_version");
  return std::exchange(data_version_, version) != version;
}

store::Run Tail::run() {
  auto run = find_run(store_, id_);
  if (run) return std::move(*run);
  throw Error(ExitCode::kNotFound, fmt::format("run {} was removed", id_));
}

std::string tail_text(const TailLine& line, bool color) {
  constexpr int kDim = 2, kYellow = 33, kRed = 31;
  const std::string step = fmt::format("step {:<8}", line.step);
  if (line.event) {
    const int sgr = line.event->level == "error" ? kRed : kYellow;
    return painted(step, kDim, color) +
           painted(fmt::format("{}: {}", printable(line.event->code), printable(line.event->text)),
                   sgr, color && line.event->level != "info");
  }
  std::string text = painted(step, kDim, color);
  for (std::size_t i = 0; i < line.values.size(); ++i) {
    const auto& [name, value] = line.values[i];
    text += fmt::format("{}{} {}", i == 0 ? "" : "  ", printable(name), short_number(value));
  }
  return text;
}

Json tail_json(const TailLine& line) {
  if (line.event) {
    return Json()
        .set("type", "event")
        .set("step", line.step)
        .set("time", iso_time(line.event->time_ms))
        .set("level", line.event->level)
        .set("code", line.event->code)
        .set("text", line.event->text);
  }
  Json metrics = Json::object();
  for (const auto& [name, value] : line.values) metrics.set(name, value);
  return Json().set("type", "metrics").set("step", line.step).set("metrics", metrics);
}

}  // namespace llmops::track
