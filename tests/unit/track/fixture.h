#pragma once

#include <string>
#include <utility>

#include "base/time.h"
#include "store/query.h"
#include "store/writer.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

namespace llmops::track {

// A store with runs of this process.
class Fixture {
 public:
  Fixture() : store(store::Store::open_to_write(folder.path())) {}

  store::Run add(const std::string& uid, const std::string& name) {
    store::Run run;
    run.id = uid;
    run.kind = "train";
    run.name = name;
    run.experiment = "default";
    run.created_ms = run.heartbeat_ms = wall_clock_ms();
    store::Attempt attempt;
    attempt.process = this_process();
    attempt.started_ms = run.created_ms;
    attempt.recipe_path = "a.yaml";
    attempt.hardware.set("cores", 2);
    attempt.versions.set("llmops", "0.1.0");
    store::Transaction transaction(store.database());
    insert_run(store, run);
    insert_attempt(store, run.row, attempt);
    transaction.commit();
    return run;
  }

  store::Writer writer(const store::Run& run) {
    return store::Writer(store::Store::open_to_write(folder.path()), run.row, run.attempts, 0,
                         nullptr);
  }

  void finish(store::Run run, ExitCode code, const std::string& reason = "") {
    run.status = store::status_for(code);
    run.exit_code = static_cast<int>(code);
    run.reason = reason;
    run.ended_ms = wall_clock_ms();
    change([&] { close_run(store, run); });
  }

  template <typename Change>
  void change(Change make) {
    store::Transaction transaction(store.database());
    make();
    transaction.commit();
  }

  TemporaryDirectory folder;
  store::Store store;
};

}  // namespace llmops::track
