#include <algorithm>
#include <map>
#include <set>

#include "data/batches.h"
#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops::data {

namespace {

// Rows that say which they are: all targets of row r are `first` + r.
class NamedRows : public Rows {
 public:
  NamedRows(std::int64_t count, std::int32_t first) : count_(count), first_(first) {}
  std::int64_t count() const override { return count_; }
  std::int64_t targets() const override { return 2 * count_; }
  void read(std::int64_t row, std::uint64_t pass, const Row& out) const override {
    REQUIRE((row >= 0 && row < count_));
    std::fill(out.targets.begin(), out.targets.end(), first_ + static_cast<std::int32_t>(row));
    out.inputs[0] = static_cast<std::int32_t>(pass);
  }

 private:
  std::int64_t count_;
  std::int32_t first_;
};

std::unique_ptr<BatchSource> batches_of(const std::vector<RowSet>& sets, std::uint64_t seed = 5) {
  return train_batches(sets, 2, seed);
}

// Which rows [first, first + count) are.
std::vector<std::int32_t> rows_of(const BatchSource& batches, std::int64_t first,
                                  std::int64_t count) {
  Batch batch;
  batches.read(first, count, batch);
  REQUIRE(batch.rows == count);
  CHECK(batch.supervised_tokens == 2 * count);
  std::vector<std::int32_t> rows;
  for (std::int64_t b = 0; b < count; ++b) {
    rows.push_back(batch.targets[static_cast<std::size_t>(2 * b)]);
  }
  return rows;
}

std::vector<std::int32_t> epoch_of(const BatchSource& batches, std::int64_t epoch) {
  return rows_of(batches, epoch * batches.rows_per_epoch(), batches.rows_per_epoch());
}

std::vector<std::int32_t> numbers(std::int32_t from, std::int32_t count) {
  std::vector<std::int32_t> all;
  for (std::int32_t i = 0; i < count; ++i) all.push_back(from + i);
  return all;
}

std::vector<std::int32_t> sorted(std::vector<std::int32_t> rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

// How often each row comes in epochs [0, count).
std::map<std::int32_t, int> seen_in(const BatchSource& batches, std::int64_t count) {
  std::map<std::int32_t, int> seen;
  for (std::int64_t epoch = 0; epoch < count; ++epoch) {
    for (const std::int32_t row : epoch_of(batches, epoch)) ++seen[row];
  }
  return seen;
}

}  // namespace

TEST_CASE("an epoch has every row once, in an order of its own") {
  for (const std::int64_t count : {1, 2, 7, 64, 100}) {
    CAPTURE(count);
    const NamedRows rows(count, 0);
    const auto batches = batches_of({{&rows}});
    CHECK(batches->rows_per_epoch() == count);
    CHECK(batches->tokens_per_epoch() == 2 * count);
    std::set<std::vector<std::int32_t>> orders;
    for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
      const auto order = epoch_of(*batches, epoch);
      CHECK(sorted(order) == numbers(0, static_cast<std::int32_t>(count)));
      orders.insert(order);
    }
    if (count > 7) CHECK(orders.size() == 4);
  }
}

TEST_CASE("a row is a function of seed and number alone, however many are read at a time") {
  const NamedRows rows(50, 0);
  const auto batches = batches_of({{&rows}});
  const auto in_order = rows_of(*batches, 0, 160);
  for (const std::int64_t size : {1, 3, 8, 49, 160}) {
    CAPTURE(size);
    std::vector<std::int32_t> seen;
    for (std::int64_t first = 0; first < 160; first += size) {
      const auto some = rows_of(*batches, first, std::min<std::int64_t>(size, 160 - first));
      seen.insert(seen.end(), some.begin(), some.end());
    }
    CHECK(seen == in_order);
  }
  const auto again = batches_of({{&rows}});
  for (const std::int64_t row : {159, 0, 53, 49, 50, 53}) {
    CHECK(rows_of(*again, row, 1)[0] == in_order[static_cast<std::size_t>(row)]);
  }
  CHECK(epoch_of(*batches_of({{&rows}}, 6), 0) != epoch_of(*batches, 0));
}

TEST_CASE("a weight is passes over a source per epoch, counted on over the epochs") {
  const NamedRows half(10, 0), twice(6, 100), third(9, 200), once(4, 300);
  const auto batches = batches_of({{&half, 0.5}, {&twice, 2.0}, {&third, 1.0 / 3}, {&once, 1.0}});
  CHECK(batches->tokens_per_epoch() == 2 * (5 + 12 + 3 + 4));
  CHECK(epoch_of(*batches, 0).size() == 24);
  for (const auto& [row, times] : seen_in(*batches, 6)) {
    CAPTURE(row);
    CHECK(times == (row < 100 ? 3 : row < 200 ? 12 : row < 300 ? 2 : 6));
  }
  CHECK(seen_in(*batches, 6).size() == 10 + 6 + 9 + 4);
  // One and the same row comes at most once in a pass.
  for (const auto& [row, times] : seen_in(*batches, 1)) {
    CAPTURE(row);
    CHECK(times == (row >= 100 && row < 200 ? 2 : 1));
  }
}

TEST_CASE("any weight above zero takes a row, and none overflows") {
  const NamedRows rows(10, 0);
  const auto few = batches_of({{&rows, 1e-300}});
  CHECK(seen_in(*few, 10).size() == 10);
  CHECK(few->tokens_per_epoch() == 2);
  CHECK_THAT(error_text([&] {
               batches_of({{&rows, 1e300}});
             }),
             ContainsSubstring("usage: a weight of 1e+300 makes more than"));
  // Few rows, but more tokens than can be counted.
  class WideRows : public NamedRows {
   public:
    using NamedRows::NamedRows;
    std::int64_t targets() const override { return count() << 24; }
  };
  const WideRows wide(10, 0);
  CHECK_THAT(error_text([&] {
               batches_of({{&wide, 1e11}});
             }),
             ContainsSubstring("usage: a weight of 100000000000 makes more than"));
}

TEST_CASE("evaluation has the rows of all sources in order, the same in every epoch") {
  const NamedRows first(4, 0), second(3, 100);
  const auto batches = eval_batches({{&first}, {&second}}, 2);
  CHECK(batches->rows_per_epoch() == 7);
  CHECK(batches->tokens_per_epoch() == 14);
  CHECK(epoch_of(*batches, 0) == std::vector<std::int32_t>{0, 1, 2, 3, 100, 101, 102});
  CHECK(epoch_of(*batches, 1) == epoch_of(*batches, 0));
  CHECK(rows_of(*batches, 3, 2) == std::vector<std::int32_t>{3, 100});
}

}  // namespace llmops::data
