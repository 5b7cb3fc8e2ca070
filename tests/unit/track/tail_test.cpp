#include "track/tail.h"

#include "tests/catch.h"
#include "tests/unit/track/fixture.h"

namespace llmops::track {
namespace {

TEST_CASE("tail gives the last lines, then what comes, until the run ends") {
  Fixture f;
  const store::Run run = f.add("01ARZ3NDEKTSV4RRFFQ69G5FAV", "a run");
  store::Writer points = f.writer(run);
  for (std::int64_t step = 1; step <= 20; ++step) {
    points.log("loss", step, 1);
    points.log("sys/cpu_percent", step, 1);
    points.log("lr", step, 0.5);
  }
  points.flush(60'000);
  TailOptions options;
  options.lines = 3;
  Tail tail(store::Store::open_to_read(f.folder.path()), run, options);
  CHECK(tail.has_changed());
  std::vector<TailLine> lines = tail.read();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].step == 18);
  CHECK(tail_text(lines[2], false) == "step 20      loss 1  lr 0.5");
  CHECK(tail_json(lines[2]).dump() ==
        R"({"type":"metrics","step":20,"metrics":{"loss":1.0,"lr":0.5}})");

  CHECK_FALSE(tail.has_changed());
  points.log("loss", 21, 2);
  points.flush(60'000);
  CHECK(tail.has_changed());
  CHECK(tail.read().size() == 1);
  CHECK(tail.read().empty());

  points.post([&](store::Store& store) {
    insert_event(store, run.row, {1, 0, 21, "warning", "spike", "\x1b[31mz 9"});
  });
  points.close();
  lines = tail.read();
  REQUIRE(lines.size() == 1);
  CHECK(tail_text(lines[0], false) == "step 21      spike: \\x1b[31mz 9");
  CHECK(tail.run().status == store::RunStatus::kRunning);
  f.finish(run, ExitCode::kOk);
  CHECK(tail.has_changed());
  CHECK(tail.run().status == store::RunStatus::kFinished);
}

TEST_CASE("tail of chosen metrics leaves out the others") {
  Fixture f;
  const store::Run run = f.add("01ARZ3NDEKTSV4RRFFQ69G5FAV", "a run");
  store::Writer points = f.writer(run);
  points.log("loss", 1, 1);
  points.log("sys/cpu_percent", 1, 7);
  points.close();
  TailOptions options;
  options.metrics = {"sys/cpu_percent"};
  Tail tail(store::Store::open_to_read(f.folder.path()), run, options);
  CHECK(tail_text(tail.read().at(0), false) == "step 1       sys/cpu_percent 7");
}

}  // namespace
}  // namespace llmops::track
