#include "track/list.h"

#include "base/text.h"
#include "base/time.h"
#include "track/table.h"

namespace llmops::track {

RunList list_runs(store::Store& store, const store::RunFilter& filter,
                  const std::vector<std::string>& metrics) {
  // All queries read the same state of the store, even while others write.
  store::Transaction view(store.database(), store::Transaction::Kind::kRead);
  RunList list;
  list.runs = store::list_runs(store, filter);
  list.short_ids = short_ids(store, list.runs);
  for (const std::string& metric : metrics) {
    list.columns.push_back({metric, last_values(store, list.runs, metric)});
  }
  return list;
}

std::string list_text(const RunList& list, bool color) {
  Table table;
  for (const char* title : {"id", "name", "status", "kind", "experiment", "started"}) {
    table.column(title);
  }
  table.column("took", Table::Align::kRight);
  for (const auto& [metric, last] : list.columns) {
    table.column(printable(metric), Table::Align::kRight);
  }
  for (std::size_t i = 0; i < list.runs.size(); ++i) {
    const store::Run& run = list.runs[i];
    std::vector<std::string> cells{list.short_ids[i],
                                   run.name,
                                   std::string(name_of(run.status)),
                                   run.kind,
                                   run.experiment,
                                   local_time(run.created_ms),
                                   format_seconds(1e-3 * static_cast<double>(run.elapsed_ms))};
    for (const auto& [metric, last] : list.columns) {
      cells.push_back(last[i] ? short_number(*last[i]) : "");
    }
    table.row(std::move(cells), status_color(run.status), 2);
  }
  return table.text(color);
}

Json run_json(const store::Run& run) {
  Json object = Json::object();
  object.set("id", run.id);
  object.set("name", run.name);
  object.set("status", name_of(run.status));
  object.set("exit_code", run.exit_code);
  object.set("reason", run.reason);
  object.set("kind", run.kind);
  object.set("experiment", run.experiment);
  object.set("created", iso_time(run.created_ms));
  object.set("ended", run.ended_ms ? Json(iso_time(*run.ended_ms)) : Json());
  object.set("duration_s", 1e-3 * static_cast<double>(run.elapsed_ms));
  object.set("output_dir", run.output_dir);
  return object;
}

Json list_json(const RunList& list) {
  Json array = Json::array();
  for (std::size_t i = 0; i < list.runs.size(); ++i) {
    Json metrics = Json::object();
    for (const auto& [metric, last] : list.columns) {
      if (last[i]) metrics.set(metric, *last[i]);
    }
    array.push(run_json(list.runs[i]).set("metrics", metrics));
  }
  return array;
}

int status_color(store::RunStatus status) {
  constexpr int kRed = 31, kGreen = 32, kYellow = 33, kCyan = 36;
  switch (status) {
    case store::RunStatus::kRunning:
      return kCyan;
    case store::RunStatus::kFinished:
      return kGreen;
    case store::RunStatus::kStopped:
      return kYellow;
    case store::RunStatus::kFailed:
    case store::RunStatus::kCrashed:
      return kRed;
  }
  return kRed;
}

}  // namespace llmops::track
