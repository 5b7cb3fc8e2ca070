#include "store/writer.h"

#include <unistd.h>

#include <cmath>
#include <limits>
#include <thread>

#include "store/blob.h"
#include "store/query.h"
#include "tests/catch.h"
#include "tests/unit/store/records.h"

namespace llmops::store {
namespace {

constexpr std::int64_t kWaitMs = 60'000;  // only so that a writer that hangs fails the test

struct Fixture {
  TemporaryDirectory folder;
  Store store = Store::open_to_write(folder.path());
  Run run = add_run(store, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
  std::vector<std::string> reports;

  Writer writer(std::int64_t attempt = 1) {
    return Writer(Store::open_to_write(folder.path()), run.row, attempt, 0,
                  [this](std::string_view text) { reports.emplace_back(text); });
  }
  Summary summary(const std::string& name) { return find_series(store, run.row, name)->summary; }
  std::vector<Point> points(const std::string& name) {
    return read_points(store, run.row, find_series(store, run.row, name)->id);
  }
};

std::vector<std::pair<std::int64_t, double>> values(const std::vector<Point>& points) {
  std::vector<std::pair<std::int64_t, double>> all;
  for (const Point& point : points) all.emplace_back(point.step, point.value);
  return all;
}
using Values = std::vector<std::pair<std::int64_t, double>>;

TEST_CASE("what was logged is read after flush, in order of steps") {
  Fixture f;
  Writer writer = f.writer();
  for (const std::int64_t step : {1, 2, 5, 3}) writer.log("loss", step, 0.5 * double(step));
  writer.log("loss", 3, 7);  // the same step again: both are kept, in order
  REQUIRE_FALSE(writer.flush(kWaitMs));
  CHECK(values(f.points("loss")) == Values{{1, 0.5}, {2, 1}, {3, 1.5}, {3, 7}, {5, 2.5}});
  const Summary s = f.summary("loss");
  CHECK(s.n == 5);
  CHECK(s.first == 0.5);
  CHECK(s.last == 2.5);
  CHECK(s.last_step == 5);
  CHECK(s.max == 7);
  CHECK(s.max_step == 3);
  CHECK(s.sum == 12.5);
}

TEST_CASE("NaN and infinities are kept apart from numbers") {
  Fixture f;
  Writer writer = f.writer();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {std::nan(""), 2.0, infinity, -infinity, std::nan("")}) {
    writer.log("x", 1, value);
  }
  writer.log("never a number", 1, std::nan(""));
  writer.close();
  const auto points = f.points("x");
  REQUIRE(points.size() == 5);
  CHECK(std::isnan(points[0].value));
  CHECK(points[2].value == infinity);
  const Summary s = f.summary("x");
  CHECK(s.n == 5);
  CHECK(s.n_nan == 2);
  CHECK(s.min == -infinity);
  CHECK(s.max == infinity);
  CHECK(std::isnan(s.last));
  CHECK(std::isnan(f.summary("never a number").min));
}

TEST_CASE("100,000 points of two series come back, and the summary agrees with them") {
  Fixture f;
  Writer writer = f.writer();
  for (std::int64_t step = 0; step < 50'000; ++step) {
    writer.log("a", step, std::sin(double(step)));
    writer.log("b", step, double(step));
  }
  writer.close();
  const auto points = f.points("a");
  REQUIRE(points.size() == 50'000);
  Summary expected;
  for (const Point& point : points) expected.add(point.step, point.value);
  const Summary s = f.summary("a");
  CHECK(s.n == expected.n);
  CHECK(s.min == expected.min);
  CHECK(s.min_step == expected.min_step);
  CHECK(s.sum == Approx(expected.sum).margin(1e-9));
  CHECK(f.points("b").back().value == 49'999);
}

TEST_CASE("four threads log at once and nothing is lost") {
  Fixture f;
  Writer writer = f.writer();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&writer, t] {
      for (std::int64_t step = 0; step < 2000; ++step) {
        writer.log("shared", step, t);
        writer.log(fmt::format("own/{}", t), step, double(step));
        if (step % 500 == 0) writer.flush(kWaitMs);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  writer.close();
  CHECK(f.summary("shared").n == 8000);
  for (int t = 0; t < 4; ++t) CHECK(f.points(fmt::format("own/{}", t)).size() == 2000);
}

TEST_CASE("a full disk is reported once, stops nobody, and loses nothing") {
  Fixture f;
  Writer writer = f.writer();
  writer.log("loss", 1, 1);
  REQUIRE_FALSE(writer.flush(kWaitMs));
  arm_fault("store.commit:1+:enospc");
  for (std::int64_t step = 2; step <= 1000; ++step) writer.log("loss", step, 1);
  writer.log("new", 1, 1);
  const auto failure = writer.flush(kWaitMs);
  REQUIRE(failure);
  CHECK(failure->code() == ExitCode::kStorage);
  CHECK(f.reports.size() == 1);
  CHECK(f.summary("loss").n == 1);
  arm_fault("");
  writer.log("loss", 1001, 1);
  writer.close();
  CHECK(f.reports.size() == 2);
  CHECK(f.summary("loss").n == 1001);
  CHECK(f.points("loss").size() == 1001);
  CHECK(f.summary("new").n == 1);
}

TEST_CASE("close() outlasts two failures in a row") {
  Fixture f;
  Writer writer = f.writer();
  arm_fault("store.commit:1:enospc,store.commit:2:eio");
  writer.post([&](Store& store) { insert_event(store, f.run.row, {1, 0, 1, "info", "x", "y"}); });
  writer.log("loss", 1, 1);
  writer.close();
  arm_fault("");
  CHECK(f.reports.size() == 2);
  CHECK(f.points("loss").size() == 1);
  CHECK(list_events(f.store, f.run.row).size() == 1);
}

TEST_CASE("a store that another program holds is waited for within bounds, and loses nothing") {
  Fixture f;
  Writer writer = f.writer();
  {
    const Transaction held(f.store.database());
    writer.log("loss", 1, 1);
    const auto failure = writer.flush(1);  // of a thread that waits for the lock
    REQUIRE(failure);
    CHECK(failure->code() == ExitCode::kBusy);
    writer.log("loss", 2, 1);
    // Until the thread has seen that it is locked out, and from then on without a wait.
    while (std::string(writer.flush(1)->what()).find("no answer") != std::string::npos) {
    }
    CHECK(writer.flush(kWaitMs)->code() == ExitCode::kBusy);
  }
  writer.close();
  CHECK(f.reports.size() == 2);
  CHECK(f.points("loss").size() == 2);
}

TEST_CASE("what is left in the end is counted") {
  Fixture f;
  Writer writer = f.writer();
  writer.log("loss", 1, 1);
  REQUIRE_FALSE(writer.flush(kWaitMs));
  const Transaction held(f.store.database());
  for (std::int64_t step = 2; step <= 6; ++step) writer.log("loss", step, 1);
  writer.post([&](Store& store) { set_tag(store, f.run.row, "owner", "me"); });
  const std::string text = error_text([&] { writer.close(); });
  CHECK(text.starts_with("storage: 5 values and 1 other entries could not be written: "));
  CHECK(text.find("another process holds the store") != std::string::npos);
}

TEST_CASE(
    "a store that is deleted, moved or replaced is noticed, and written again once it is back") {
  Fixture f;
  Writer writer = f.writer();
  const std::string path = f.folder.file("store.db"), away = f.folder.file("away");
  const std::string moved = GENERATE("store.db", "store.db-wal");
  REQUIRE_FALSE(writer.flush(kWaitMs));
  REQUIRE(::rename(f.folder.file(moved).c_str(), away.c_str()) == 0);
  const bool replaced = GENERATE(false, true);
  if (replaced) write_file_durably(f.folder.file(moved), "another");
  writer.log("loss", 1, 1);
  const auto failure = writer.flush(kWaitMs);
  REQUIRE(failure);
  CHECK(failure->code() == ExitCode::kStorage);
  CHECK(failure->what() == f.folder.file(moved) +
                               ": the file was deleted, moved or replaced while it was in use; put "
                               "it back");
  REQUIRE(::rename(away.c_str(), f.folder.file(moved).c_str()) == 0);
  writer.close();
  CHECK(f.reports.size() == 2);
  CHECK(f.points("loss").size() == 1);
}

TEST_CASE("a log that cannot be merged is reported once, and what was written counts as written") {
  Fixture f;
  Writer writer = f.writer();
  const std::string lock = f.folder.file("lock");  // a link is not followed, so it cannot be locked
  remove_all(lock);
  REQUIRE(::symlink("nowhere", lock.c_str()) == 0);
  const std::string big(std::size_t{17} << 20, 'x');  // beyond the size at which it is merged
  writer.post([&](Store& store) { insert_event(store, f.run.row, {1, 0, 1, "info", "x", big}); });
  REQUIRE_FALSE(writer.flush(kWaitMs));
  writer.log("loss", 1, 1);
  writer.close();
  CHECK(f.reports.size() == 1);
  CHECK(f.points("loss").size() == 1);
  CHECK(list_events(f.store, f.run.row).size() == 1);
}

TEST_CASE("rows are written in the transaction of the points, and a bad one holds up nobody") {
  Fixture f;
  Writer writer = f.writer();
  writer.post([&](Store& store) { set_tag(store, f.run.row, "owner", "me"); });
  writer.post([](Store&) { throw failed("a bug"); });
  writer.log("loss", 1, 1);
  CHECK(writer.flush(kWaitMs)->what() == std::string("a bug"));
  CHECK(error_text([&] { writer.close(); }) == "storage: an entry could not be written: a bug");
  CHECK(list_tags(f.store, f.run.row).size() == 1);
  CHECK(f.summary("loss").n == 1);
}

TEST_CASE("a bad row at the very end takes nothing along") {
  Fixture f;
  Writer writer = f.writer();
  writer.log("loss", 1, 1);
  writer.post([](Store&) { throw failed("a bug"); });
  writer.post([&](Store& store) { set_tag(store, f.run.row, "owner", "me"); });
  CHECK(error_text([&] { writer.close(); }) == "storage: an entry could not be written: a bug");
  CHECK(list_tags(f.store, f.run.row).size() == 1);
  CHECK(f.summary("loss").n == 1);
}

TEST_CASE("a resumed run hides the points beyond the step it started from") {
  Fixture f;
  {
    Writer writer = f.writer();
    for (std::int64_t step = 1; step <= 8; ++step) writer.log("loss", step, double(step));
    writer.log("only before", 7, 1);
    writer.close();
  }
  resume(f.store, f.run, 5);
  {
    Transaction transaction(f.store.database());
    summarize_again(f.store, f.run.row);
    transaction.commit();
  }
  CHECK(f.summary("loss").n == 5);
  CHECK(f.summary("loss").last == 5);
  CHECK(f.summary("only before").n == 0);
  {
    Writer writer = f.writer(2);
    for (std::int64_t step = 6; step <= 7; ++step) writer.log("loss", step, 10 * double(step));
    writer.close();
  }
  CHECK(values(f.points("loss")) ==
        Values{{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 60}, {7, 70}});
  CHECK(f.summary("loss").n == 7);
  CHECK(f.summary("loss").max == 70);
  CHECK(f.points("only before").empty());

  resume(f.store, f.run, 3);  // earlier than the last time
  CHECK(values(f.points("loss")) == Values{{1, 1}, {2, 2}, {3, 3}});
  resume(f.store, f.run, 6);  // what the third attempt would have made is not there
  CHECK(f.points("loss").size() == 3);
}

TEST_CASE("a run that goes back hides the points beyond, within one process") {
  Fixture f;
  Writer writer = f.writer();
  for (std::int64_t step = 1; step <= 8; ++step) writer.log("loss", step, double(step));
  writer.rewind(4);
  for (std::int64_t step = 5; step <= 6; ++step) writer.log("loss", step, 0.1);
  writer.log("new", 5, 1);
  REQUIRE_FALSE(writer.flush(kWaitMs));
  CHECK(values(f.points("loss")) == Values{{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 0.1}, {6, 0.1}});
  CHECK(f.summary("loss").n == 6);
  CHECK(f.summary("loss").max == 4);
  writer.rewind(2);
  writer.log("loss", 3, 9);
  writer.close();
  CHECK(values(f.points("loss")) == Values{{1, 1}, {2, 2}, {3, 9}});
  CHECK(f.summary("loss").n == 3);
  CHECK(f.summary("loss").max == 9);
  CHECK(f.points("new").empty());
  CHECK(list_attempts(f.store, f.run.row).size() == 3);
}

TEST_CASE("a column that a later version adds is left alone") {
  Fixture f;
  for (const char* table : {"run", "attempt", "param", "tag", "digest", "blob"}) {
    f.store.database().execute(fmt::format("ALTER TABLE {} ADD COLUMN later TEXT", table));
  }
  set_param(f.store, f.run.row, "lr", 1);
  set_tag(f.store, f.run.row, "owner", "me");
  set_digest(f.store, f.run.row, "data", std::string(64, 'a'));
  put_blob(f.store, "text");
  Writer writer = f.writer();
  writer.rewind(0);
  writer.close();
  CHECK(list_attempts(f.store, f.run.row).size() == 2);
}

TEST_CASE("names with bytes that are no text become one series") {
  Fixture f;
  Writer writer = f.writer();
  writer.log("a\xff", 1, 1);
  writer.log("a\\xff", 2, 2);
  writer.log("a\xff", 3, 3);
  writer.close();
  CHECK(f.summary("a\\xff").n == 3);
}

}  // namespace
}  // namespace llmops::store
