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

// Reading. A run whose process has ended is returned as crashed, even if its row still says
// running.

struct RunFilter {
  std::optional<std::string> kind, experiment, name, identity;
  std::optional<RunStatus> status;
  bool marked_running = false;  // only rows with status "running", crashed runs too; has an index
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

std::optional<Run> find_run(Store& store, std::string_view id);
// Returns the run with the lowest (or highest) value that a metric ever had.
std::optional<Run> find_best(Store& store, std::string_view metric, bool lowest);
// Returns runs whose id begins with `prefix`; at most `limit`, oldest first.
std::vector<Run> find_by_prefix(Store& store, std::string_view prefix, std::int64_t limit);
// Returns for each run the shortest beginning of its id that no other run has, at least 8
// characters.
std::vector<std::string> short_ids(Store& store, const std::vector<Run>& runs);
// Returns for each run the last value of a metric; nothing for a run without one.
std::vector<std::optional<double>> last_values(Store& store, const std::vector<Run>& runs,
                                               std::string_view metric);

std::optional<Attempt> find_attempt(Store& store, std::int64_t run, std::int64_t number);
std::vector<Attempt> list_attempts(Store& store, std::int64_t run);
std::vector<std::pair<std::string, Json>> list_params(Store& store, std::int64_t run);
std::vector<std::pair<std::string, std::string>> list_tags(Store& store, std::int64_t run);
std::vector<std::pair<std::string, std::string>> list_digests(Store& store, std::int64_t run);
std::vector<Event> list_events(Store& store, std::int64_t run);
// Returns the events after `event` (0 = all) and sets `event` to the last one, to follow a run.
std::vector<Event> read_new_events(Store& store, std::int64_t run, std::int64_t& event);
// Returns the samples without those that a later attempt has replaced.
std::vector<Sample> list_samples(Store& store, std::int64_t run);
std::vector<Artifact> list_artifacts(Store& store, std::int64_t run);

}  // namespace llmops::store
