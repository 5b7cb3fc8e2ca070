#include <signal.h>

#include <chrono>
#include <thread>

#include "base/random.h"
#include "base/text.h"
#include "store/query.h"
#include "store/schema.h"
#include "store/writer.h"
#include "tests/catch.h"
#include "tests/unit/store/child.h"
#include "tests/unit/store/records.h"

namespace llmops::store {
namespace {

std::string uid_of(std::int64_t pid) {
  return fmt::format("01ARZ3NDEKTSV4RR{:010}", pid);
}

// Logs until it is killed; after each flush() says in a file how far it got.
TEST_CASE("child: logs for ever", "[.child]") {
  const std::string folder = child_folder();
  if (folder.empty()) return;
  Store store = Store::open_to_write(folder);
  const Run run = add_run(store, uid_of(0));
  Writer writer(Store::open_to_write(folder), run.row, 1, 0, nullptr);
  for (std::int64_t step = 1;; ++step) {
    for (int i = 0; i < 20; ++i) writer.log(fmt::format("m/{}", i), step, double(step));
    if (step % 10 != 0) continue;
    if (writer.flush(60'000)) std::abort();
    write_file_durably(join_path(folder, "acknowledged"), fmt::format("{}", step));
  }
}

TEST_CASE("child: records twenty runs", "[.child]") {
  const std::string folder = child_folder();
  if (folder.empty()) return;
  for (int i = 0; i < 20; ++i) {
    Store store = Store::open_to_write(folder);
    const Run run = add_run(store, uid_of(::getpid() * 100 + i));
    Writer writer(std::move(store), run.row, 1, 0, nullptr);
    for (std::int64_t step = 0; step < 100; ++step) writer.log("loss", step, 1);
    writer.close();
  }
}

TEST_CASE("child: opens the store", "[.child]") {
  if (!child_folder().empty()) Store::open_to_write(child_folder());
}

bool is_intact(Store& store) {
  Statement check = store.database().prepare("PRAGMA integrity_check");
  return check.step() && check.text(0) == "ok";
}

TEST_CASE("a killed writer loses nothing that flush() acknowledged, and shows as crashed") {
  const std::uint64_t seed = 7;
  CAPTURE(seed);
  Random random(seed, RandomStream::kSynthetic);
  for (int round = 0; round < 8; ++round) {
    TemporaryDirectory folder;
    Child child("child: logs for ever", folder.path());
    const std::string acknowledged = folder.file("acknowledged");
    while (!path_exists(acknowledged)) std::this_thread::yield();
    const double deadline = monotonic_seconds() + 0.03 * random.uniform();
    while (monotonic_seconds() < deadline) std::this_thread::yield();
    child.kill();
    CHECK(child.wait() == 128 + SIGKILL);

    const std::int64_t step = parse_int(read_file(acknowledged)).value();
    Store store = Store::open_to_read(folder.path());
    CHECK(is_intact(store));
    const auto runs = list_runs(store, {});
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].status == RunStatus::kCrashed);
    for (const Series& series : list_series(store, runs[0].row)) {
      const auto points = read_points(store, runs[0].row, series.id);
      REQUIRE(std::ssize(points) >= step);
      CHECK(series.summary.n == std::ssize(points));
      for (std::int64_t i = 0; i < std::ssize(points); ++i) {
        if (points[std::size_t(i)].step != i + 1) FAIL("a point is missing or doubled");
      }
    }
  }
}

TEST_CASE("four processes record into one store and all succeed") {
  TemporaryDirectory folder;
  std::vector<Child> children;
  for (int i = 0; i < 4; ++i) children.emplace_back("child: records twenty runs", folder.path());
  for (Child& child : children) CHECK(child.wait() == 0);
  Store store = Store::open_to_read(folder.path());
  CHECK(is_intact(store));
  RunFilter all;
  all.limit = 0;
  const auto runs = list_runs(store, all);
  CHECK(runs.size() == 80);
  for (const Run& run : runs) CHECK(find_series(store, run.row, "loss")->summary.n == 100);
}

TEST_CASE("processes that make the store at the same time make it once") {
  for (int round = 0; round < 5; ++round) {
    TemporaryDirectory folder;
    std::vector<Child> children;
    for (int i = 0; i < 4; ++i) {
      children.emplace_back("child: opens the store", folder.file("store"));
    }
    for (Child& child : children) CHECK(child.wait() == 0);
    Store store = Store::open_to_write(folder.file("store"));
    CHECK(store.database().integer("SELECT count(*) FROM migration") ==
          static_cast<std::int64_t>(schema_scripts().size()));
  }
}

}  // namespace
}  // namespace llmops::store
