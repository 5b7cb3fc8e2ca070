#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/run.h"
#include "store/series.h"
#include "store/store.h"

namespace llmops::store {

// Reading. A run whose process is gone is returned as crashed, whatever its row still says.

struct RunFilter {
  std::optional<std::string> kind, experiment, name, identity;
  std::optional<RunStatus> status;
  bool marked_running = false;  // only rows that say "running", dead ones too: few, and indexed
  // Order: empty is newest first; else "created", "ended", "duration", "name", "status", "kind",
  // "experiment" or the name of a metric (its last value). A leading '-' is descending. Runs
  // without the value come last.
  std::string sort;
  std::int64_t limit = 20;  // 0 = all
  std::int64_t skip = 0;    // rows before the first
};
// Throws Error(kUsage) when runs have metrics and `sort` is neither one of them nor a column.
std::vector<Run> list_runs(Store& store, const RunFilter& filter);
bool has_metric(Store& store, std::string_view metric);
std::int64_t count_runs(Store& store);

std::optional<Run> find_run(Store& store, std::string_view uid);
// The run with the lowest (or highest) value that a metric ever had.
std::optional<Run> find_best(Store& store, std::string_view metric, bool lowest);
// Runs whose id begins with `prefix`; at most `limit`, oldest first.
std::vector<Run> find_by_prefix(Store& store, std::string_view prefix, std::int64_t limit);
// For each run the shortest beginning of its id that no other run shares, at least 8 characters.
std::vector<std::string> short_ids(Store& store, const std::vector<Run>& runs);
// For each run the last value of a metric; nothing where it has none.
std::vector<std::optional<double>> last_values(Store& store, const std::vector<Run>& runs,
                                               std::string_view metric);

std::optional<Attempt> find_attempt(Store& store, std::int64_t run, std::int64_t number);
std::vector<Attempt> list_attempts(Store& store, std::int64_t run);
std::vector<std::pair<std::string, Json>> list_params(Store& store, std::int64_t run);
std::vector<std::pair<std::string, std::string>> list_tags(Store& store, std::int64_t run);
std::vector<std::pair<std::string, std::string>> list_digests(Store& store, std::int64_t run);
std::vector<Event> list_events(Store& store, std::int64_t run);
// The events after `event` (0 = all), to follow a run as it grows; moves `event` on.
std::vector<Event> read_new_events(Store& store, std::int64_t run, std::int64_t& event);
// Without those that a later attempt has made again.
std::vector<Sample> list_samples(Store& store, std::int64_t run);
std::vector<Artifact> list_artifacts(Store& store, std::int64_t run);

}  // namespace llmops::store
