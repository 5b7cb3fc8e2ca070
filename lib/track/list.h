#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "store/query.h"
#include "store/store.h"

namespace llmops::track {

struct RunList {
  std::vector<store::Run> runs;
  std::vector<std::string> short_ids;  // of each run
  struct Column {
    std::string metric;
    std::vector<std::optional<double>> last;  // of each run
  };
  std::vector<Column> columns;
};
RunList list_runs(store::Store& store, const store::RunFilter& filter,
                  const std::vector<std::string>& metrics);

std::string list_text(const RunList& list, bool color);
// Returns an array of objects, newest first unless sorted otherwise.
Json list_json(const RunList& list);

// Returns the members that every listing of a run has: id, name, status, times.
Json run_json(const store::Run& run);
int status_color(store::RunStatus status);  // an SGR number

}  // namespace llmops::track
