#include "store/query.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "base/time.h"

namespace llmops::store {

namespace {

constexpr std::string_view kSelectRun =
    "SELECT run.id, uid, kind, run.name, experiment.name, status, exit_code, reason, "
    "run.created_ms, ended_ms, heartbeat_ms, elapsed_ms, attempts, output_dir, identity, "
    "recorded_step, output_dir_sha256 FROM run JOIN experiment ON experiment.id = experiment_id ";

// Whether the process of a run has ended. The system knows, if the process runs in this host and
// container; otherwise five minutes without a heartbeat count as its end.
bool has_ended(Store& store, const Run& run) {
  constexpr std::int64_t kSilenceMs = 5 * 60 * 1000;
  Statement row = store.database().prepare(
      "SELECT host, boot_id, pid, start_ticks, pid_namespace FROM attempt WHERE run_id = ? AND "
      "number = ?");
  if (!row.bind(run.row, run.attempts).step()) return true;
  const std::optional<bool> alive =
      is_alive({row.text(0), row.text(1), row.integer(2), row.integer(3), row.text(4)});
  return alive ? !*alive : wall_clock_ms() - run.heartbeat_ms > kSilenceMs;
}

Run run_of(Store& store, const Statement& row) {
  Run run;
  run.row = row.integer(0);
  run.id = row.text(1);
  run.kind = row.text(2);
  run.name = row.text(3);
  run.experiment = row.text(4);
  run.status = parse_status(row.text(5)).value_or(RunStatus::kCrashed);
  run.exit_code = row.optional_integer(6);
  run.reason = row.text(7);
  run.created_ms = row.integer(8);
  run.ended_ms = row.optional_integer(9);
  run.heartbeat_ms = row.integer(10);
  run.elapsed_ms = row.integer(11);
  run.attempts = row.integer(12);
  run.output_dir = row.text(13);
  run.identity = row.text(14);
  run.recorded_step = row.integer(15);
  run.output_dir_sha256 = row.text(16);
  if (run.status != RunStatus::kRunning) return run;
  if (has_ended(store, run)) {
    run.status = RunStatus::kCrashed;
    run.reason = "the process ended without closing the run";
    run.ended_ms = run.heartbeat_ms;
  } else {
    run.elapsed_ms += std::max<std::int64_t>(0, wall_clock_ms() - run.heartbeat_ms);
  }
  return run;
}

// Returns the column that a sort key names; nothing for a metric.
std::optional<std::string_view> order_column(std::string_view sort) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kColumns{{
      {"", "run.id"},
      {"created", "run.id"},
      {"ended", "ended_ms"},
      {"duration", "elapsed_ms"},
      {"name", "run.name"},
      {"status", "status"},
      {"kind", "kind"},
      {"experiment", "experiment.name"},
  }};
  for (const auto& [name, column] : kColumns) {
    if (name == sort) return column;
  }
  return std::nullopt;
}

Json parse_stored(const std::string& text, const char* column) {
  return text.empty() ? Json() : parse_json(text, column);
}

Attempt attempt_of(const Statement& row) {
  Attempt a;
  a.number = row.integer(0);
  a.from_step = row.integer(1);
  a.base_ms = row.integer(2);
  a.started_ms = row.integer(3);
  a.ended_ms = row.optional_integer(4);
  a.exit_code = row.optional_integer(5);
  a.reason = row.text(6);
  a.process = {row.text(7), row.text(8), row.integer(9), row.integer(10), row.text(23)};
  a.user = row.text(11);
  a.working_directory = row.text(12);
  a.arguments = parse_stored(row.text(13), "attempt.arguments");
  a.recipe_path = row.text(14);
  a.recipe_given_sha256 = row.text(15);
  a.recipe_resolved_sha256 = row.text(16);
  a.git_commit = row.text(17);
  a.git_branch = row.text(18);
  if (!row.is_null(19)) a.git_dirty = row.integer(19) != 0;
  a.git_diff_sha256 = row.text(20);
  a.hardware = parse_stored(row.text(21), "attempt.hardware");
  a.versions = parse_stored(row.text(22), "attempt.versions");
  return a;
}

// Returns a query for attempt_of().
std::string select_attempt(std::string_view tail) {
  return fmt::format(
      "SELECT number, from_step, base_ms, started_ms, ended_ms, exit_code, reason, {} "
      "FROM attempt WHERE run_id = ? {}",
      kProcessColumns, tail);
}

// Sorts by the last value of a metric, equal ones by age, the newest first. Runs without a value
// come last.
void sort_by_last(Store& store, std::vector<Run>& runs, std::string_view metric, bool descending) {
  struct Keyed {
    std::optional<double> value;
    Run run;
  };
  std::vector<Keyed> keyed;
  const auto values = last_values(store, runs, std::string(metric));
  for (std::size_t i = 0; i < runs.size(); ++i) keyed.push_back({values[i], std::move(runs[i])});
  std::ranges::sort(keyed, [descending](const Keyed& a, const Keyed& b) {
    const bool has_a = a.value && !std::isnan(*a.value), has_b = b.value && !std::isnan(*b.value);
    if (has_a != has_b) return has_a;
    if (!has_a || *a.value == *b.value) return a.run.row > b.run.row;
    return (*a.value < *b.value) != descending;
  });
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i] = std::move(keyed[i].run);
}

std::string sql(std::string_view head, std::string_view tail) {
  return std::string(head) += tail;
}

std::vector<std::pair<std::string, std::string>> pairs(Store& store, std::string_view select,
                                                       std::int64_t run) {
  const auto pair = [](const Statement& row) { return std::pair(row.text(0), row.text(1)); };
  return store.database().collect(pair, select, run);
}

}  // namespace

// The status of a run can differ from that of its row (run_of), so the filter by status and the
// limit are applied here and not in SQL.
std::vector<Run> list_runs(Store& store, const RunFilter& filter) {
  std::string text = sql(kSelectRun, "WHERE true");
  std::vector<std::string> values;
  const auto require = [&](const char* column, const std::optional<std::string>& value) {
    if (!value) return;
    text += fmt::format(" AND {} = ?", column);
    values.push_back(*value);
  };
  require("kind", filter.kind);
  require("experiment.name", filter.experiment);
  require("run.name", filter.name);
  require("identity", filter.identity);
  if (filter.marked_running) text += " AND status = 'running'";

  const bool descending = filter.sort.empty() || filter.sort.starts_with('-');
  const std::string_view key =
      std::string_view(filter.sort).substr(descending && !filter.sort.empty());
  const auto column = order_column(key);
  if (!column) {
    const bool any =
        store.database().integer("SELECT count(*) FROM (SELECT 1 FROM series LIMIT 1)");
    if (any && !has_metric(store, key)) {
      throw usage_error("nothing to sort by: no run has a metric {}", printable(key))
          .hint("created, ended, duration, name, status, kind, experiment or a metric");
    }
  }
  text += fmt::format(" ORDER BY {} {} NULLS LAST, run.id DESC", column.value_or("run.id"),
                      descending ? "DESC" : "ASC");
  Statement rows = store.database().prepare(text);
  rows.bind_all(values);
  const auto most = static_cast<std::size_t>(filter.limit == 0 ? std::numeric_limits<int>::max()
                                                               : filter.skip + filter.limit);
  std::vector<Run> runs;
  while ((!column || runs.size() < most) && rows.step()) {
    Run run = run_of(store, rows);
    if (!filter.status || run.status == *filter.status) runs.push_back(std::move(run));
  }
  if (!column) sort_by_last(store, runs, key, descending);
  const auto skip = std::min(static_cast<std::size_t>(filter.skip), runs.size());
  runs.resize(std::min(runs.size(), most));
  runs.erase(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(skip));
  return runs;
}

bool has_metric(Store& store, std::string_view metric) {
  Statement row = store.database().prepare(
      "SELECT 1 FROM series JOIN key ON key.id = key_id WHERE key.name = ? AND n > 0 LIMIT 1");
  return row.bind(metric).step();
}

std::int64_t count_runs(Store& store) {
  return store.database().integer("SELECT count(*) FROM run");
}

std::optional<Run> find_run(Store& store, std::string_view id) {
  Statement row = store.database().prepare(sql(kSelectRun, "WHERE uid = ?"));
  if (!row.bind(id).step()) return std::nullopt;
  return run_of(store, row);
}

std::optional<Run> find_best(Store& store, std::string_view metric, bool lowest) {
  SeriesFinder finder(store, metric);
  Statement runs = store.database().prepare("SELECT id FROM run ORDER BY id DESC");
  std::optional<std::int64_t> best;
  double best_value = 0;
  while (runs.step()) {
    const auto series = finder.find(runs.integer(0));
    if (!series) continue;
    const double value = lowest ? series->summary.min : series->summary.max;
    if (std::isnan(value)) continue;
    if (best && (lowest ? value >= best_value : value <= best_value)) continue;
    best = runs.integer(0);
    best_value = value;
  }
  if (!best) return std::nullopt;
  Statement row = store.database().prepare(sql(kSelectRun, "WHERE run.id = ?"));
  row.bind(*best).step();
  return run_of(store, row);
}

std::vector<Run> find_by_prefix(Store& store, std::string_view prefix, std::int64_t limit) {
  // Every character of an id is below '~'.
  return store.database().collect(
      [&](const Statement& row) { return run_of(store, row); },
      sql(kSelectRun, "WHERE uid >= ?1 AND uid < ?1 || '~' ORDER BY uid LIMIT ?2"), prefix, limit);
}

std::vector<std::string> short_ids(Store& store, const std::vector<Run>& runs) {
  Statement neighbours = store.database().prepare(
      "SELECT (SELECT max(uid) FROM run WHERE uid < ?1), (SELECT min(uid) FROM run WHERE uid > "
      "?1)");
  std::vector<std::string> ids;
  for (const Run& run : runs) {
    neighbours.bind(run.id).step();
    std::size_t length = 8;
    for (const int column : {0, 1}) {
      const std::string other = neighbours.text(column);
      const auto end = std::ranges::mismatch(run.id, other).in1;
      length = std::max(length, static_cast<std::size_t>(end - run.id.begin()) + 1);
    }
    ids.push_back(run.id.substr(0, length));
  }
  return ids;
}

std::vector<std::optional<double>> last_values(Store& store, const std::vector<Run>& runs,
                                               std::string_view metric) {
  SeriesFinder finder(store, metric);
  std::vector<std::optional<double>> values;
  for (const Run& run : runs) {
    const auto series = finder.find(run.row);
    const bool any = series && series->summary.n > 0;
    values.push_back(any ? std::optional(series->summary.last) : std::nullopt);
  }
  return values;
}

std::optional<Attempt> find_attempt(Store& store, std::int64_t run, std::int64_t number) {
  Statement row = store.database().prepare(select_attempt("AND number = ?"));
  if (!row.bind(run, number).step()) return std::nullopt;
  return attempt_of(row);
}

std::vector<Attempt> list_attempts(Store& store, std::int64_t run) {
  return store.database().collect(attempt_of, select_attempt("ORDER BY number"), run);
}

std::vector<std::pair<std::string, Json>> list_params(Store& store, std::int64_t run) {
  std::vector<std::pair<std::string, Json>> params;
  Statement rows = store.database().prepare(
      "SELECT key.name, value, checksum FROM param JOIN key ON key.id = key_id WHERE run_id = ? "
      "ORDER BY key.name");
  rows.bind(run);
  while (rows.step()) {
    const std::string key = rows.text(0), value = rows.text(1);
    if (param_checksum(run, key, value) != rows.integer(2)) {
      throw damaged_row(store, run, "parameter " + key);
    }
    params.emplace_back(key, parse_stored(value, "param.value"));
  }
  return params;
}

std::vector<std::pair<std::string, std::string>> list_tags(Store& store, std::int64_t run) {
  return pairs(store,
               "SELECT key.name, value FROM tag JOIN key ON key.id = key_id WHERE run_id = ? "
               "ORDER BY key.name",
               run);
}

std::vector<std::pair<std::string, std::string>> list_digests(Store& store, std::int64_t run) {
  return pairs(store, "SELECT component, sha256 FROM digest WHERE run_id = ? ORDER BY component",
               run);
}

std::vector<Event> list_events(Store& store, std::int64_t run) {
  std::int64_t none = 0;
  return read_new_events(store, run, none);
}

std::vector<Event> read_new_events(Store& store, std::int64_t run, std::int64_t& event) {
  std::vector<Event> events;
  Statement rows = store.database().prepare(
      "SELECT id, attempt, time_ms, step, level, code, text FROM event WHERE run_id = ? AND id > ? "
      "ORDER BY id");
  rows.bind(run, event);
  while (rows.step()) {
    event = rows.integer(0);
    events.push_back({rows.integer(1), rows.integer(2), rows.integer(3), rows.text(4), rows.text(5),
                      rows.text(6)});
  }
  return events;
}

std::vector<Sample> list_samples(Store& store, std::int64_t run) {
  const auto sample = [](const Statement& row) {
    return Sample{row.integer(0), row.integer(1), row.integer(2), row.text(3), row.text(4)};
  };
  return store.database().collect(
      sample,
      "SELECT attempt, time_ms, step, prompt, text FROM sample WHERE run_id = ?1 AND NOT EXISTS ("
      "SELECT 1 FROM attempt WHERE attempt.run_id = ?1 AND attempt.number > sample.attempt "
      "AND attempt.from_step < sample.step) ORDER BY step, id",
      run);
}

std::vector<Artifact> list_artifacts(Store& store, std::int64_t run) {
  const auto artifact = [](const Statement& row) {
    return Artifact{row.integer(0), row.integer(1), row.text(2),   row.text(3),
                    row.text(4),    row.text(5),    row.integer(6)};
  };
  return store.database().collect(
      artifact,
      "SELECT attempt, time_ms, role, kind, path, digest, bytes FROM artifact WHERE run_id = ? "
      "ORDER BY id",
      run);
}

}  // namespace llmops::store
