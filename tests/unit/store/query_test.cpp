#include "store/query.h"

#include <limits>

#include "store/writer.h"
#include "tests/catch.h"
#include "tests/unit/store/records.h"

namespace llmops::store {
namespace {

std::vector<std::string> names(const std::vector<Run>& runs) {
  std::vector<std::string> all;
  for (const Run& run : runs) all.push_back(run.name);
  return all;
}
using Names = std::vector<std::string>;

struct Fixture {
  TemporaryDirectory folder;
  Store store = Store::open_to_write(folder.path());

  Run add(const std::string& uid, const std::string& name, double loss) {
    const Run run = add_run(store, uid, name);
    Writer writer(Store::open_to_write(folder.path()), run.row, 1, 0, nullptr);
    writer.log("eval/loss", 1, loss + 1);
    writer.log("eval/loss", 2, loss);
    writer.close();
    return run;
  }
  void close(Run run, ExitCode code) {
    run.status = status_for(code);
    run.exit_code = static_cast<int>(code);
    run.ended_ms = wall_clock_ms();
    Transaction transaction(store.database());
    close_run(store, run);
    transaction.commit();
  }
};

TEST_CASE("runs are listed newest first, filtered, sorted by column or metric") {
  Fixture f;
  const Run first = f.add("01ARZ3NDEKTSV4RRFFQ69G5FA1", "b", 2.0);
  const Run second = f.add("01ARZ3NDEKTSV4RRFFQ69G5FA2", "a", 1.0);
  add_run(f.store, "01ARZ3NDEKTSV4RRFFQ69G5FA3", "c");
  f.close(first, ExitCode::kOk);
  f.close(second, ExitCode::kTerminated);
  const auto list = [&](auto set) {
    RunFilter filter;
    set(filter);
    return names(list_runs(f.store, filter));
  };

  CHECK(list([](auto&) {}) == Names{"c", "a", "b"});
  CHECK(list([](auto& x) { x.status = RunStatus::kStopped; }) == Names{"a"});
  CHECK(list([](auto& x) { x.status = RunStatus::kRunning; }) == Names{"c"});
  CHECK(list([](auto& x) { x.kind = "eval"; }).empty());
  CHECK(list([](auto& x) { x.experiment = "default"; }).size() == 3);
  CHECK(list([](auto& x) { x.name = "b"; }) == Names{"b"});
  CHECK(list([](auto& x) { x.sort = "name"; }) == Names{"a", "b", "c"});
  CHECK(list([](auto& x) { x.sort = "-name"; }) == Names{"c", "b", "a"});
  CHECK(list([](auto& x) { x.sort = "eval/loss"; }) == Names{"a", "b", "c"});
  CHECK(list([](auto& x) { x.sort = "-eval/loss"; }) == Names{"b", "a", "c"});
  CHECK_THROWS_AS(list([](auto& x) { x.sort = "-lost"; }), Error);
  CHECK(list([](auto& x) {
          x.limit = 1;
          x.skip = 1;
        }) == Names{"a"});
  CHECK(list([](auto& x) { x.kind = "' OR 1=1 --"; }).empty());
  CHECK(find_best(f.store, "eval/loss", true)->name == "a");
  CHECK(find_best(f.store, "eval/loss", false)->name == "b");
  CHECK_FALSE(find_best(f.store, "none", true).has_value());
}

TEST_CASE("a run of a process that is gone shows as crashed") {
  Fixture f;
  Run run = add_run(f.store, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
  CHECK(find_run(f.store, run.id)->status == RunStatus::kRunning);
  const auto change = [&](const std::string& assignment) {
    f.store.database().execute("UPDATE attempt SET " + assignment);
    return find_run(f.store, run.id)->status;
  };
  CHECK(change("start_ticks = start_ticks - 1") == RunStatus::kCrashed);  // the pid was reused
  CHECK(change("start_ticks = start_ticks + 1") == RunStatus::kRunning);
  CHECK(change("boot_id = 'before'") == RunStatus::kCrashed);
  CHECK(change("host = 'elsewhere'") == RunStatus::kRunning);  // only its heartbeat tells
  f.store.database().execute("UPDATE run SET heartbeat_ms = heartbeat_ms - 600000");
  CHECK(find_run(f.store, run.id)->status == RunStatus::kCrashed);
}

TEST_CASE("short ids are as long as it takes to tell runs apart") {
  Fixture f;
  const auto id_of = [&](const std::string& uid) {
    return short_ids(f.store, {*find_run(f.store, uid)}).front();
  };
  add_run(f.store, "01ARZ3NDEKTSV4RRFFQ69G5FA1");
  CHECK(id_of("01ARZ3NDEKTSV4RRFFQ69G5FA1") == "01ARZ3ND");
  add_run(f.store, "01ARZ3NDEKTSXXXXXXXXXXXXXX");
  CHECK(id_of("01ARZ3NDEKTSV4RRFFQ69G5FA1") == "01ARZ3NDEKTSV");
  CHECK(id_of("01ARZ3NDEKTSXXXXXXXXXXXXXX") == "01ARZ3NDEKTSX");
  CHECK(find_by_prefix(f.store, "01ARZ3NDEKTSV", 5).size() == 1);
  CHECK(find_by_prefix(f.store, "01ARZ3ND", 5).size() == 2);
  CHECK(find_by_prefix(f.store, "%", 5).empty());
}

TEST_CASE("what belongs to a run comes back as it was written") {
  Fixture f;
  const Run run = add_run(f.store, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
  Transaction transaction(f.store.database());
  set_param(f.store, run.row, "lr", 3e-4);
  set_param(f.store, run.row, "lr", 1e-3);
  set_param(f.store, run.row, "steps", std::int64_t{1} << 53);
  set_param(f.store, run.row, "betas", Json::Array{0.9, 0.95});
  set_digest(f.store, run.row, "data", "abc");
  insert_event(f.store, run.row, {1, 5, 9, "warning", "spike", "loss \x1b[31m 9"});
  put_artifact(f.store, run.row, {1, 5, "output", "checkpoint", "/out/checkpoint-5", "", 10});
  put_artifact(f.store, run.row, {1, 6, "output", "checkpoint", "/out/checkpoint-5", "d", 11});
  transaction.commit();
  const auto params = list_params(f.store, run.row);
  REQUIRE(params.size() == 3);
  CHECK(params[1].second.as_double() == 1e-3);
  CHECK(params[2].second.as_int() == std::int64_t{1} << 53);
  CHECK(params[0].second.dump() == "[0.9,0.95]");
  CHECK(list_digests(f.store, run.row).front().second == "abc");
  CHECK(list_events(f.store, run.row).front().text == "loss \x1b[31m 9");
  const auto artifacts = list_artifacts(f.store, run.row);
  REQUIRE(artifacts.size() == 1);
  CHECK(artifacts[0].bytes == 11);
}

TEST_CASE("samples that a later attempt has made again are not listed twice") {
  Fixture f;
  Run run = add_run(f.store, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
  const auto add = [&](std::int64_t attempt, std::int64_t step) {
    Transaction transaction(f.store.database());
    f.store.database().execute("INSERT OR IGNORE INTO blob VALUES('d', 0, '')");
    insert_sample(f.store, run.row, {attempt, 0, step, "d", "d"});
    transaction.commit();
  };
  add(1, 5);
  add(1, 10);
  add(resume(f.store, run, 5), 10);
  const auto samples = list_samples(f.store, run.row);
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].attempt == 1);
  CHECK(samples[1].attempt == 2);
}

}  // namespace
}  // namespace llmops::store
