// Fills a store with finished runs, for timing the commands that list them.
//
//   make_runs STORE COUNT
#include <fmt/format.h>

#include <cstdio>

#include "base/text.h"
#include "base/time.h"
#include "store/query.h"

namespace {

using namespace llmops;

constexpr int kParams = 60, kSeries = 12, kPoints = 200;

void add_run(store::Store& store, std::int64_t number) {
  store::Run run;
  run.id = fmt::format("01J{:023}", number);
  run.kind = "train";
  run.name = fmt::format("run-{}", number);
  run.experiment = number % 3 == 0 ? "ablation" : "default";
  run.output_dir = "out";
  run.identity = run.id;
  run.created_ms = run.heartbeat_ms = wall_clock_ms() + number;
  store::insert_run(store, run);
  store::Attempt attempt;
  attempt.process = this_process();
  store::insert_attempt(store, run.row, attempt);
  for (int i = 0; i < kParams; ++i) {
    store::set_param(store, run.row, fmt::format("section.key_{}", i),
                     Json(static_cast<double>(number + i)));
  }
  for (int i = 0; i < kSeries; ++i) {
    store::Series series;
    series.name = fmt::format("train/metric_{}", i);
    for (int step = 1; step <= kPoints; ++step) series.summary.add(step, 1.0 / step + i);
    store::insert_series(store, run.row, series);
    store::Statement update = store.database().prepare(store::kUpdateSummary);
    store::update_summary(update, run.row, series);
  }
  run.status = store::RunStatus::kFinished;
  run.exit_code = 0;
  run.ended_ms = run.created_ms + 60'000;
  store::close_run(store, run);
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t count = argc == 3 ? parse_int(argv[2]).value_or(0) : 0;
  if (count < 1) {
    std::fputs("usage: make_runs STORE COUNT\n", stderr);
    return 2;
  }
  store::Store store = store::Store::open_to_write(argv[1]);
  store::Transaction transaction(store.database());
  for (std::int64_t number = 0; number < count; ++number) add_run(store, number);
  transaction.commit();
  store.merge_log_beyond(0, 1000);
  return 0;
}
