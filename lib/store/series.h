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

// The values of one name in one run. A summary that does not have its checksum is made again from
// the points when it is read.
struct Series {
  std::int64_t id = 0;
  std::string name;
  Summary summary;
};

// The number of an interned name; makes it when it is new.
std::int64_t intern_key(Store& store, std::string_view name);

// All series of a run, those without visible points too (n = 0), by name.
std::vector<Series> list_series(Store& store, std::int64_t run);
std::optional<Series> find_series(Store& store, std::int64_t run, std::string_view name);

// The series of one name in one run after the other.
class SeriesFinder {
 public:
  SeriesFinder(Store& store, std::string_view name);
  std::optional<Series> find(std::int64_t run);

 private:
  Store& store_;
  const std::string name_;
  Statement row_;
};

// Error(kDamaged): in this run, `what` does not have its checksum. Other runs can be read.
Error damaged_row(Store& store, std::int64_t run, std::string_view what);

// The points that show, by step and, within one step, in the order they were logged: a resumed run
// hides what earlier attempts logged beyond the step it started from. Throws Error(kDamaged) when
// points do not have their checksum, as does everything that reads them.
std::vector<Point> read_points(Store& store, std::int64_t run, std::int64_t series);

// The points of chunks after `chunk` (0 = all) as they were logged, to follow a run as it grows;
// moves `chunk` on. Those of earlier attempts show here too.
struct NamedPoint {
  std::string series;
  Point point;
};
std::vector<NamedPoint> read_new_points(Store& store, std::int64_t run, std::int64_t& chunk);
// The chunk after which the last `count` chunks of a run come.
std::int64_t chunk_before_last(Store& store, std::int64_t run, std::int64_t count);

// The same as they are stored, for who goes on writing: damage must not keep a run from that.
std::vector<Series> list_series_unchecked(Store& store, std::int64_t run);

// Makes the summaries of a run again from the points that show. Within a transaction. Returns the
// names of the series whose points are damaged; their summaries stay as they are.
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
