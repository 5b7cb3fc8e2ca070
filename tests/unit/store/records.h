#pragma once

#include <string>

#include "base/time.h"
#include "store/run.h"
#include "store/store.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

namespace llmops::store {

// A run of this process with one attempt, as record/ would begin it.
inline Run add_run(Store& store, const std::string& uid, const std::string& name = "a run") {
  Run run;
  run.id = uid;
  run.kind = "train";
  run.name = name;
  run.experiment = "default";
  run.created_ms = run.heartbeat_ms = wall_clock_ms();
  Attempt attempt;
  attempt.started_ms = run.created_ms;
  attempt.process = this_process();
  Transaction transaction(store.database());
  insert_run(store, run);
  insert_attempt(store, run.row, attempt);
  transaction.commit();
  return run;
}

// Ends the newest attempt and begins another.
inline std::int64_t resume(Store& store, Run& run, std::int64_t from_step) {
  Attempt attempt;
  attempt.number = ++run.attempts;
  attempt.from_step = from_step;
  attempt.process = this_process();
  Transaction transaction(store.database());
  insert_attempt(store, run.row, attempt);
  reopen_run(store, run.row, attempt.number, from_step);
  transaction.commit();
  return attempt.number;
}

}  // namespace llmops::store
