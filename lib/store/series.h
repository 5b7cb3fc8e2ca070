#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/chunk.h"
#include "store/store.h"
#include "store/summary.h"

namespace llmops::store {

// The values of one name in one run. A summary that does not match its checksum is computed again
// from the points when it is read.
struct Series {
  std::int64_t id = 0;
  std::string name;
  Summary summary;
};

// Returns the id of an interned name; adds the name if it is new.
std::int64_t intern_key(Store& store, std::string_view name);

// Returns all series of a run by name, including those without visible points (n = 0).
std::vector<Series> list_series(Store& store, std::int64_t run);
std::optional<Series> find_series(Store& store, std::int64_t run, std::string_view name);

// Finds the series of one name in many runs, with one prepared statement.
class SeriesFinder {
 public:
  SeriesFinder(Store& store, std::string_view name);
  std::optional<Series> find(std::int64_t run);

 private:
  Store& store_;
  const std::string name_;
  Statement row_;
};

// Returns an Error(kDamaged): in this run, `what` does not match its checksum. Other runs can be
// read.
Error damaged_row(Store& store, std::int64_t run, std::string_view what);

// Returns the visible points by step and, within one step, in the order they were logged. A resume
// hides the points that earlier attempts logged after the step it starts from. Throws
// Error(kDamaged) when points do not match their checksum, as does every reader of points.
std::vector<Point> read_points(Store& store, std::int64_t run, std::int64_t series);

// A point with the name of its series.
struct NamedPoint {
  std::string series;
  Point point;
};
// Returns the points of the chunks after `chunk` (0 = all) in the order they were logged, and sets
// `chunk` to the last one, to follow a run. Hidden points of earlier attempts are included.
std::vector<NamedPoint> read_new_points(Store& store, std::int64_t run, std::int64_t& chunk);
// Returns the chunk before the last `count` chunks of a run.
std::int64_t chunk_before_last(Store& store, std::int64_t run, std::int64_t count);

// Returns all series without checking them, for a writer that continues them: damage must not stop
// a run.
std::vector<Series> list_series_unchecked(Store& store, std::int64_t run);

// Computes the summaries of a run again from the visible points. Call it within a transaction.
// Returns the names of the series with damaged points, whose summaries are unchanged.
std::vector<std::string> summarize_again(Store& store, std::int64_t run);

void insert_series(Store& store, std::int64_t run, Series& series);  // sets the id
void insert_chunk(Statement& insert, std::int64_t series, std::int64_t attempt, const Chunk& chunk);
inline constexpr std::string_view kInsertChunk =
    "INSERT INTO chunk(series_id, attempt, n, data, checksum) VALUES(?, ?, ?, ?, ?)";
void update_summary(Statement& update, std::int64_t run, const Series& series);
inline constexpr std::string_view kUpdateSummary =
    "UPDATE series SET n = ?, n_nan = ?, sum = ?, first = ?, first_step = ?, last = ?, "
    "last_step = ?, min = ?, min_step = ?, max = ?, max_step = ?, "
    "checksum = ? WHERE id = ?";

}  // namespace llmops::store
