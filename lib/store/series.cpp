#include "store/series.h"

#include <algorithm>
#include <limits>
#include <map>

namespace llmops::store {

namespace {

constexpr const char* kSelectSeries =
    "SELECT series.id, key.name, n, n_nan, sum, first, first_step, last, last_step, min, min_step, "
    "max, max_step FROM series JOIN key ON key.id = key_id WHERE run_id = ?";

Series series_of(const Statement& row) {
  Series series{row.integer(0), row.text(1), {}};
  Summary& s = series.summary;
  s.n = row.integer(2);
  s.n_nan = row.integer(3);
  s.sum = row.real(4);
  s.first = row.real(5);
  s.first_step = row.integer(6);
  s.last = row.real(7);
  s.last_step = row.integer(8);
  s.min = row.real(9);
  s.min_step = row.integer(10);
  s.max = row.real(11);
  s.max_step = row.integer(12);
  return series;
}

// The last visible step of each attempt: that of the earliest resume after it.
std::map<std::int64_t, std::int64_t> visible_steps(Store& store, std::int64_t run) {
  std::map<std::int64_t, std::int64_t> limits;
  std::int64_t limit = std::numeric_limits<std::int64_t>::max();
  Statement attempts = store.database().prepare(
      "SELECT number, from_step FROM attempt WHERE run_id = ? ORDER BY number DESC");
  attempts.bind(run);
  while (attempts.step()) {
    limits[attempts.integer(0)] = limit;
    limit = std::min(limit, attempts.integer(1));
  }
  return limits;
}

std::vector<Point> visible_points(Store& store, std::int64_t series,
                                  const std::map<std::int64_t, std::int64_t>& limits) {
  std::vector<Point> points, chunk;
  Statement chunks = store.database().prepare(
      "SELECT attempt, n, data FROM chunk WHERE series_id = ? ORDER BY id");
  chunks.bind(series);
  while (chunks.step()) {
    const auto limit = limits.find(chunks.integer(0));
    if (limit == limits.end()) continue;
    chunk.clear();
    decode_chunk(chunks.blob(2), chunks.integer(1), chunk);
    for (const Point& point : chunk) {
      if (point.step <= limit->second) points.push_back(point);
    }
  }
  const auto by_step = [](const Point& a, const Point& b) { return a.step < b.step; };
  std::stable_sort(points.begin(), points.end(), by_step);
  return points;
}

}  // namespace

std::int64_t intern_key(Store& store, std::string_view name) {
  Statement find = store.database().prepare("SELECT id FROM key WHERE name = ?");
  if (find.bind(name).step()) return find.integer(0);
  store.database().prepare("INSERT INTO key(name) VALUES(?)").bind(name).run();
  return store.database().last_id();
}

std::vector<Series> list_series(Store& store, std::int64_t run) {
  std::vector<Series> all;
  Statement rows = store.database().prepare(std::string(kSelectSeries) + " ORDER BY key.name");
  rows.bind(run);
  while (rows.step()) all.push_back(series_of(rows));
  return all;
}

std::optional<Series> find_series(Store& store, std::int64_t run, std::string_view name) {
  Statement row = store.database().prepare(std::string(kSelectSeries) + " AND key.name = ?");
  if (!row.bind(run, name).step()) return std::nullopt;
  return series_of(row);
}

std::vector<Point> read_points(Store& store, std::int64_t run, std::int64_t series) {
  return visible_points(store, series, visible_steps(store, run));
}

std::vector<NamedPoint> read_new_points(Store& store, std::int64_t run, std::int64_t& chunk) {
  std::vector<NamedPoint> named;
  std::vector<Point> points;
  Statement rows = store.database().prepare(
      "SELECT chunk.id, key.name, chunk.n, data FROM chunk JOIN series ON series.id = series_id "
      "JOIN key ON key.id = key_id WHERE chunk.id > ? AND run_id = ? ORDER BY chunk.id");
  rows.bind(chunk, run);
  while (rows.step()) {
    chunk = rows.integer(0);
    points.clear();
    decode_chunk(rows.blob(3), rows.integer(2), points);
    for (const Point& point : points) named.push_back({rows.text(1), point});
  }
  return named;
}

std::int64_t chunk_before_last(Store& store, std::int64_t run, std::int64_t count) {
  Statement row = store.database().prepare(
      "SELECT chunk.id FROM chunk JOIN series ON series.id = series_id WHERE run_id = ? "
      "ORDER BY chunk.id DESC LIMIT 1 OFFSET ?");
  return row.bind(run, count).step() ? row.integer(0) : 0;
}

void summarize_again(Store& store, std::int64_t run) {
  const auto limits = visible_steps(store, run);
  Statement update = store.database().prepare(kUpdateSummary);
  for (Series& series : list_series(store, run)) {
    series.summary = {};
    for (const Point& point : visible_points(store, series.id, limits)) {
      series.summary.add(point.step, point.value);
    }
    update_summary(update, series);
  }
}

void insert_series(Store& store, std::int64_t run, Series& series) {
  store.database()
      .prepare("INSERT INTO series(run_id, key_id, n, n_nan) VALUES(?, ?, 0, 0)")
      .bind(run, intern_key(store, series.name))
      .run();
  series.id = store.database().last_id();
}

void update_summary(Statement& update, const Series& series) {
  const Summary& s = series.summary;
  update
      .bind(s.n, s.n_nan, s.sum, s.first, s.first_step, s.last, s.last_step, s.min, s.min_step,
            s.max, s.max_step, series.id)
      .run();
}

}  // namespace llmops::store
