#include <cmath>

#include "store/query.h"
#include "store/series.h"
#include "store/writer.h"
#include "tests/catch.h"
#include "tests/unit/store/records.h"

namespace llmops::store {
namespace {

struct Damaged {
  TemporaryDirectory folder;
  Store store = Store::open_to_write(folder.path());
  Run run = record("01ARZ3NDEKTSV4RRFFQ69G5FAV", "first", 3);
  Run other = record("01ARZ3NDEKTSV4RRFFQ69G5FAW", "other", 5);

  Run record(const std::string& uid, const std::string& name, double value) {
    const Run made = add_run(store, uid, name);
    set_param(store, made.row, "lr", 0.001);
    set_param(store, made.row, "path \xff", "text \xff");
    Writer writer(Store::open_to_write(folder.path()), made.row, 1, 0, nullptr);
    for (std::int64_t step = 1; step <= 10; ++step) {
      writer.log("loss", step, value / double(step));
      writer.log("odd", step, step % 2 == 0 ? -0.0 : std::nan(""));
    }
    writer.close();
    return made;
  }
  void change(const std::string& what) {
    store.database().execute(
        fmt::format("UPDATE {} (SELECT id FROM series WHERE run_id = {} "
                    "ORDER BY id LIMIT 1)",
                    what, run.row));
  }
  std::string reading(const Run& of) {
    return error_text([&] {
      list_params(store, of.row);
      for (const Series& series : list_series(store, of.row)) read_points(store, of.row, series.id);
    });
  }
};

TEST_CASE("what was stored has its checksum, whatever the values and names") {
  Damaged d;
  CHECK(d.reading(d.run) == "");
  CHECK(list_params(d.store, d.run.row).size() == 2);
  CHECK(find_series(d.store, d.run.row, "odd")->summary.n_nan == 5);
}

TEST_CASE("points that were changed are damage that names run and metric; other runs are read") {
  Damaged d;
  const std::string column = GENERATE("n = n - 1", "attempt = 2", "checksum = checksum + 1",
                                      "data = CAST(replace(CAST(data AS TEXT), '?', '@') AS BLOB)",
                                      "data = substr(data, 1, length(data) - 10), n = n - 1",
                                      "data = CAST('' AS BLOB), n = 0");
  CAPTURE(column);
  d.change("chunk SET " + column + " WHERE series_id =");
  const std::string expected =
      "damaged: " + d.folder.file("store.db") +
      ": metric loss of run first (01ARZ3NDEKTSV4RRFFQ69G5FAV) is damaged; restore a backup of the "
      "store; other runs can be read";
  CHECK(d.reading(d.run) == expected);
  std::int64_t from = 0;
  CHECK(error_text([&] { read_new_points(d.store, d.run.row, from); }) == expected);
  CHECK(d.reading(d.other) == "");
  CHECK(list_runs(d.store, {}).size() == 2);
}

TEST_CASE("a summary that was changed is made again from the points") {
  Damaged d;
  const Summary before = find_series(d.store, d.run.row, "loss")->summary;
  const std::string column =
      GENERATE("last = last + 1", "min = -1", "n = 11", "sum = 0", "max_step = 7", "first = NULL");
  CAPTURE(column);
  d.change("series SET " + column + " WHERE id =");
  const Summary after = find_series(d.store, d.run.row, "loss")->summary;
  CHECK(after.last == before.last);
  CHECK(after.min == before.min);
  CHECK(after.n == before.n);
  CHECK(after.sum == before.sum);
  CHECK(after.max_step == before.max_step);
  CHECK(after.first == before.first);
  CHECK(last_values(d.store, {d.run}, "loss")[0] == before.last);
  CHECK(find_best(d.store, "loss", true)->name == "first");
  CHECK(find_best(d.store, "loss", false)->name == "other");
}

TEST_CASE("values are not shown under the name of another metric") {
  Damaged d;
  d.store.database().execute("UPDATE key SET name = 'los3' WHERE name = 'loss'");
  CHECK(d.reading(d.run).find("the name of metric los3 of run first") != std::string::npos);
}

TEST_CASE("a parameter or name that was changed is damage") {
  Damaged d;
  d.store.database().execute(fmt::format(
      "UPDATE param SET value = '0.003' WHERE value = '0.001' AND run_id = {}", d.run.row));
  CHECK(d.reading(d.run).find("parameter lr of run first") != std::string::npos);
  CHECK(d.reading(d.other) == "");
  d.store.database().execute("UPDATE key SET name = 'ls' WHERE name = 'lr'");
  CHECK(d.reading(d.other).find("parameter ls of run other") != std::string::npos);
}

}  // namespace
}  // namespace llmops::store
