#include "track/resolve.h"

#include "tests/catch.h"
#include "tests/unit/track/fixture.h"

namespace llmops::track {
namespace {

struct Runs : Fixture {
  Runs() {
    add("01ARZ3NDEKAAAAAAAAAAAAAAAA", "first");
    add("01ARZ3NDEKBBBBBBBBBBBBBBBB", "twice");
    add("01BRZ3NDEKCCCCCCCCCCCCCCCC", "twice");
    const store::Run last = add("01CRZ3NDEKDDDDDDDDDDDDDDDD", "last");
    store::Writer points = writer(last);
    points.log("eval/loss", 1, 2);
    points.close();
    const store::Run best = *find_run(store, "01ARZ3NDEKAAAAAAAAAAAAAAAA");
    store::Writer other = writer(best);
    other.log("eval/loss", 1, 1);
    other.close();
  }
  std::string name(std::string_view argument) { return resolve_run(store, argument).name; }
  std::string problem(std::string_view argument) {
    return error_text([&] { resolve_run(store, argument); });
  }
};

TEST_CASE("a run is named by id, beginning of an id, name, age or metric") {
  Runs runs;
  CHECK(runs.name("01ARZ3NDEKAAAAAAAAAAAAAAAA") == "first");
  CHECK(runs.name("01crz") == "last");
  CHECK(runs.name("first") == "first");
  CHECK(runs.name("@last") == "last");
  CHECK(runs.name("@last~0") == "last");
  CHECK(runs.name("@last~3") == "first");
  CHECK(runs.name("@best:-eval/loss") == "first");
  CHECK(runs.name("@best:eval/loss") == "last");
}

TEST_CASE("none is not found, with a near name; several are refused, with their ids") {
  Runs runs;
  CHECK(runs.problem("frst") == "not_found: no run 'frst'; did you mean first?");
  CHECK(runs.problem("01C") == "not_found: no run '01C'; see llmops track ls");  // too short
  CHECK(runs.problem("") == "not_found: no run ''; see llmops track ls");
  CHECK(runs.problem("twice").starts_with("usage: 'twice' names several runs: "));
  CHECK(runs.problem("twice").find("01BRZ3ND (twice)") != std::string::npos);
  CHECK(runs.problem("01ARZ3").find("01ARZ3NDEKA (first)") != std::string::npos);
  CHECK(runs.problem("@last~4") == "not_found: '@last~4': the store has 4 runs");
  CHECK(runs.problem("@last~x").starts_with("usage"));
  CHECK(runs.problem("@last5").starts_with("usage"));
  CHECK(runs.problem("@last~-1").starts_with("usage"));
  CHECK(runs.problem("@best:-nothing") == "not_found: no run has a metric 'nothing'");
  CHECK(runs.problem("'; DROP TABLE run; --").starts_with("not_found"));
  CHECK(runs.problem("a\x1b[31m").find('\x1b') == std::string::npos);
  CHECK(runs.problem(std::string(100'000, 'x')).starts_with("not_found"));
}

}  // namespace
}  // namespace llmops::track
