#include "store/series.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/file.h"
#include "base/text.h"
#include "store/checksum.h"

namespace llmops::store {

namespace {

constexpr const char* kSelectSeries =
    "SELECT series.id, key.name, n, n_nan, sum, first, first_step, last, last_step, min, min_step, "
    "max, max_step, checksum FROM series JOIN key ON key.id = key_id WHERE run_id = ?";

std::int64_t summary_checksum(std::int64_t run, const Series& series) {
  const Summary& s = series.summary;
  Checksum sum;
  sum.add(run).add(series.id).add(std::string_view(series.name)).add(s.n).add(s.n_nan).add(s.sum);
  sum.add(s.first).add(s.first_step).add(s.last).add(s.last_step);
  sum.add(s.min).add(s.min_step).add(s.max).add(s.max_step);
  return sum.value();
}

std::int64_t chunk_checksum(std::int64_t series, std::int64_t attempt, std::int64_t size,
                            std::string_view bytes) {
  return Checksum().add(series).add(attempt).add(size).add(bytes).value();
}

// A row of the table chunk.
struct ChunkRow {
  std::int64_t series, attempt, size;
  std::string_view bytes;
  std::int64_t checksum;
};
// Replaces `points` by those of the row. Throws Error(kDamaged) that names run and series.
void decode(Store& store, std::int64_t run, const ChunkRow& row, std::vector<Point>& points) {
  points.clear();
  const bool whole = chunk_checksum(row.series, row.attempt, row.size, row.bytes) == row.checksum;
  if (whole) return decode_chunk(row.bytes, row.size, points);
  Statement name = store.database().prepare(
      "SELECT key.name FROM series JOIN key ON key.id = key_id WHERE series.id = ?");
  throw damaged_row(store, run,
                    "metric " + (name.bind(row.series).step() ? name.text(0) : std::string("?")));
}

Series read_series(const Statement& row) {
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

// Returns the last visible step of each attempt: the lowest step that a later attempt started from.
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

std::vector<Point> visible_points(Store& store, std::int64_t run, std::int64_t series,
                                  const std::map<std::int64_t, std::int64_t>& limits) {
  std::vector<Point> points, chunk;
  Statement chunks = store.database().prepare(
      "SELECT attempt, n, data, checksum FROM chunk WHERE series_id = ? ORDER BY id");
  chunks.bind(series);
  while (chunks.step()) {
    const ChunkRow row{series, chunks.integer(0), chunks.integer(1), chunks.blob(2),
                       chunks.integer(3)};
    decode(store, run, row, chunk);
    const auto limit = limits.find(row.attempt);
    if (limit == limits.end()) continue;
    for (const Point& point : chunk) {
      if (point.step <= limit->second) points.push_back(point);
    }
  }
  const auto by_step = [](const Point& a, const Point& b) { return a.step < b.step; };
  std::stable_sort(points.begin(), points.end(), by_step);
  return points;
}

Summary summarize(const std::vector<Point>& points) {
  Summary summary;
  for (const Point& point : points) summary.add(point.step, point.value);
  return summary;
}

Series series_of(Store& store, std::int64_t run, const Statement& row) {
  Series series = read_series(row);
  if (summary_checksum(run, series) == row.integer(13)) return series;
  series.summary = summarize(read_points(store, run, series.id));
  // The damage is not in the summary: the points would appear under another name or in another run.
  if (summary_checksum(run, series) != row.integer(13)) {
    throw damaged_row(store, run, "the name of metric " + series.name);
  }
  return series;
}

}  // namespace

Error damaged_row(Store& store, std::int64_t run, std::string_view what) {
  Statement row = store.database().prepare("SELECT name, uid FROM run WHERE id = ?");
  const bool known = row.bind(run).step();
  return damaged("{} of run {} ({}) is damaged", printable(what), known ? row.text(0) : "?",
                 known ? row.text(1) : "?")
      .at(join_path(store.folder(), kDatabaseName))
      .hint("restore a backup of the store; other runs can be read");
}

std::int64_t intern_key(Store& store, std::string_view name) {
  Statement find = store.database().prepare("SELECT id FROM key WHERE name = ?");
  if (find.bind(name).step()) return find.integer(0);
  store.database().run("INSERT INTO key(name) VALUES(?)", name);
  return store.database().last_id();
}

std::vector<Series> list_series_unchecked(Store& store, std::int64_t run) {
  return store.database().collect(read_series, std::string(kSelectSeries) + " ORDER BY key.name",
                                  run);
}

std::vector<Series> list_series(Store& store, std::int64_t run) {
  return store.database().collect([&](const Statement& row) { return series_of(store, run, row); },
                                  std::string(kSelectSeries) + " ORDER BY key.name", run);
}

SeriesFinder::SeriesFinder(Store& store, std::string_view name)
    : store_(store),
      name_(name),
      row_(store.database().prepare(std::string(kSelectSeries) + " AND key.name = ?")) {}

std::optional<Series> SeriesFinder::find(std::int64_t run) {
  if (!row_.bind(run, name_).step()) return std::nullopt;
  return series_of(store_, run, row_);
}

std::optional<Series> find_series(Store& store, std::int64_t run, std::string_view name) {
  return SeriesFinder(store, name).find(run);
}

std::vector<Point> read_points(Store& store, std::int64_t run, std::int64_t series) {
  return visible_points(store, run, series, visible_steps(store, run));
}

std::vector<NamedPoint> read_new_points(Store& store, std::int64_t run, std::int64_t& chunk) {
  std::vector<NamedPoint> named;
  std::vector<Point> points;
  Statement rows = store.database().prepare(
      "SELECT chunk.id, key.name, attempt, chunk.n, data, chunk.checksum, series_id FROM chunk "
      "JOIN series ON series.id = series_id "
      "JOIN key ON key.id = key_id WHERE chunk.id > ? AND run_id = ? ORDER BY chunk.id");
  rows.bind(chunk, run);
  while (rows.step()) {
    chunk = rows.integer(0);
    decode(store, run,
           {rows.integer(6), rows.integer(2), rows.integer(3), rows.blob(4), rows.integer(5)},
           points);
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

std::vector<std::string> summarize_again(Store& store, std::int64_t run) {
  const auto limits = visible_steps(store, run);
  Statement update = store.database().prepare(kUpdateSummary);
  std::vector<std::string> damaged;
  for (Series& series : list_series_unchecked(store, run)) {
    try {
      find_series(store, run, series.name);  // throws for a name that is damaged
      series.summary = summarize(visible_points(store, run, series.id, limits));
    } catch (const Error& error) {
      if (error.code() != ExitCode::kDamaged) throw;
      damaged.push_back(series.name);
      continue;
    }
    update_summary(update, run, series);
  }
  return damaged;
}

void insert_series(Store& store, std::int64_t run, Series& series) {
  store.database().run("INSERT INTO series(run_id, key_id, n, n_nan) VALUES(?, ?, 0, 0)", run,
                       intern_key(store, series.name));
  series.id = store.database().last_id();
}

void insert_chunk(Statement& insert, std::int64_t series, std::int64_t attempt,
                  const Chunk& chunk) {
  insert
      .bind(series, attempt, chunk.size(), Blob{chunk.bytes()},
            chunk_checksum(series, attempt, chunk.size(), chunk.bytes()))
      .run();
}

void update_summary(Statement& update, std::int64_t run, const Series& series) {
  const Summary& s = series.summary;
  update
      .bind(s.n, s.n_nan, s.sum, s.first, s.first_step, s.last, s.last_step, s.min, s.min_step,
            s.max, s.max_step, summary_checksum(run, series), series.id)
      .run();
}

}  // namespace llmops::store
