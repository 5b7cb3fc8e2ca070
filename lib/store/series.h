#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/chunk.h"
#include "store/store.h"
#include "store/summary.h"

namespace llmops::store {

// A series is the values of one name in one run.
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

// The points that show, by step and, within one step, in the order they were logged: a resumed run
// hides what earlier attempts logged beyond the step it started from.
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

// Makes the summaries of a run anew from the points that show. Within a transaction.
void summarize_again(Store& store, std::int64_t run);

void insert_series(Store& store, std::int64_t run, Series& series);  // sets the id
void update_summary(Statement& update, const Series& series);
inline constexpr std::string_view kUpdateSummary =
    "UPDATE series SET n = ?, n_nan = ?, sum = ?, first = ?, first_step = ?, last = ?, "
    "last_step = ?, min = ?, min_step = ?, max = ?, max_step = ? WHERE id = ?";

}  // namespace llmops::store
