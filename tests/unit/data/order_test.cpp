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

const std::vector<std::int32_t> kBytes(1000, 3);  // of each target

std::unique_ptr<BatchSource> batches_of(const std::vector<RowSet>& sets, std::int64_t rows,
                                        int rank = 0, int world_size = 1, std::uint64_t seed = 5) {
  return train_batches(sets, {rows, 2, rank, world_size}, seed, kBytes);
}

// The rows of a batch that are there.
std::vector<std::int32_t> rows_of(const BatchSource& batches, std::int64_t index) {
  Batch batch;
  batches.read(index, batch);
  std::vector<std::int32_t> rows;
  for (std::int64_t b = 0; b < batch.rows; ++b) {
    const std::int32_t target = batch.targets[static_cast<std::size_t>(2 * b)];
    if (target != kIgnore) rows.push_back(target);
  }
  CHECK(batch.supervised_tokens == 2 * std::ssize(rows));
  CHECK(batch.target_bytes == 6 * std::ssize(rows));
  return rows;
}

std::vector<std::int32_t> epoch_of(const BatchSource& batches, std::int64_t epoch) {
  std::vector<std::int32_t> rows;
  for (std::int64_t i = 0; i < batches.batches_per_epoch(); ++i) {
    const auto more = rows_of(batches, epoch * batches.batches_per_epoch() + i);
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
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
    const NamedRows rows(count, 0);
    for (const std::int64_t size : {1, 3, 8}) {
      CAPTURE(count, size);
      const auto batches = batches_of({{&rows}}, size);
      CHECK(batches->batches_per_epoch() == (count + size - 1) / size);
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
}

TEST_CASE("a batch is a function of seed and index alone") {
  const NamedRows rows(50, 0);
  const auto batches = batches_of({{&rows}}, 4);
  std::vector<std::vector<std::int32_t>> in_order;
  for (std::int64_t i = 0; i < 40; ++i) in_order.push_back(rows_of(*batches, i));
  const auto again = batches_of({{&rows}}, 4);
  for (const std::int64_t i : {39, 0, 13, 12, 26, 13}) {
    CHECK(rows_of(*again, i) == in_order[static_cast<std::size_t>(i)]);
  }
  CHECK(epoch_of(*batches_of({{&rows}}, 4, 0, 1, 6), 0) != epoch_of(*batches, 0));
  // The size of a micro batch does not change the order of the rows.
  CHECK(epoch_of(*batches_of({{&rows}}, 1), 3) == epoch_of(*batches, 3));
}

TEST_CASE("ranks share an epoch without a row twice") {
  const NamedRows rows(53, 0);
  for (const int world_size : {1, 2, 3, 8, 64}) {
    CAPTURE(world_size);
    const auto alone = batches_of({{&rows}}, 2 * world_size);
    std::vector<std::int32_t> all;
    for (std::int64_t i = 0; i < alone->batches_per_epoch(); ++i) {
      // A step of all ranks has the rows of one process with the batch of all.
      std::vector<std::int32_t> step;
      for (int rank = 0; rank < world_size; ++rank) {
        const auto mine = batches_of({{&rows}}, 2, rank, world_size);
        REQUIRE(mine->batches_per_epoch() == alone->batches_per_epoch());
        const auto part = rows_of(*mine, i);
        step.insert(step.end(), part.begin(), part.end());
      }
      CHECK(step == rows_of(*alone, i));
      all.insert(all.end(), step.begin(), step.end());
    }
    CHECK(sorted(all) == numbers(0, 53));
  }
}

TEST_CASE("a weight is passes over a source per epoch, counted on over the epochs") {
  const NamedRows half(10, 0), twice(6, 100), third(9, 200), once(4, 300);
  const auto batches =
      batches_of({{&half, 0.5}, {&twice, 2.0}, {&third, 1.0 / 3}, {&once, 1.0}}, 3);
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
  const auto few = batches_of({{&rows, 1e-300}}, 4);
  CHECK(seen_in(*few, 10).size() == 10);
  CHECK(few->tokens_per_epoch() == 2);
  CHECK_THAT(error_text([&] {
               batches_of({{&rows, 1e300}}, 4);
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
               batches_of({{&wide, 1e11}}, 4);
             }),
             ContainsSubstring("usage: a weight of 100000000000 makes more than"));
}

TEST_CASE("evaluation has the rows of all sources in order, the last batch with fewer") {
  const NamedRows first(4, 0), second(3, 100);
  const auto batches = eval_batches({{&first}, {&second}}, {3, 2, 0, 1}, kBytes);
  CHECK(batches->batches_per_epoch() == 3);
  CHECK(batches->tokens_per_epoch() == 14);
  CHECK(epoch_of(*batches, 0) == std::vector<std::int32_t>{0, 1, 2, 3, 100, 101, 102});
  CHECK(epoch_of(*batches, 1) == epoch_of(*batches, 0));
  Batch batch;
  batches->read(2, batch);
  CHECK(batch.rows == 1);
}

}  // namespace llmops::data
