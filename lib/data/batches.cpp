#include "data/batches.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace llmops::data {

namespace {

constexpr double kMostTokens = 1e15;  // of a source per epoch

void reset(Batch& batch, std::int64_t rows, std::int64_t length) {
  const auto size = static_cast<std::size_t>(rows * length);
  batch.rows = rows;
  batch.length = length;
  batch.inputs.assign(size, 0);
  batch.targets.assign(size, kIgnore);
  batch.positions.resize(size);
  batch.segment_start.assign(size, 0);
  for (std::int64_t b = 0; b < rows; ++b) {
    const auto row = batch.positions.begin() + b * length;
    std::iota(row, row + length, 0);
  }
}

Row row_of(Batch& batch, std::int64_t b) {
  const auto at = static_cast<std::size_t>(b * batch.length);
  const auto length = static_cast<std::size_t>(batch.length);
  const auto part = [&](std::vector<std::int32_t>& all) {
    return std::span(all).subspan(at, length);
  };
  return {part(batch.inputs), part(batch.targets), part(batch.positions),
          part(batch.segment_start)};
}

bool any_segmented(const std::vector<RowSet>& sets) {
  return std::any_of(sets.begin(), sets.end(), [](const RowSet& s) { return s.rows->segmented(); });
}

// Batches of the rows of several sets, one set after the other.
class SetBatches : public BatchSource {
 public:
  SetBatches(std::vector<RowSet> sets, std::int64_t length)
      : sets_(std::move(sets)), length_(length) {}

  std::int64_t rows_per_epoch() const override { return row_end_.back(); }
  std::int64_t tokens_per_epoch() const override { return tokens_; }

  void read(std::int64_t first, std::int64_t count, Batch& batch) const override {
    reset(batch, count, length_);
    batch.segmented = any_segmented(sets_);
    for (std::int64_t b = 0; b < count; ++b) {
      const std::int64_t row = first + b;
      read_row(row % rows_per_epoch(), row / rows_per_epoch(), row_of(batch, b));
    }
    batch.supervised_tokens =
        std::ssize(batch.targets) - std::count(batch.targets.begin(), batch.targets.end(), kIgnore);
  }

 protected:
  void add_set(std::int64_t rows, std::int64_t tokens) {
    row_end_.push_back((row_end_.empty() ? 0 : row_end_.back()) + rows);
    tokens_ += tokens;
  }
  // Returns the set that holds row `row` of an epoch.
  std::size_t set_of(std::int64_t row) const {
    return static_cast<std::size_t>(std::upper_bound(row_end_.begin(), row_end_.end(), row) -
                                    row_end_.begin());
  }
  std::int64_t first_row(std::size_t set) const { return set == 0 ? 0 : row_end_[set - 1]; }
  std::int64_t rows_of(std::size_t set) const { return row_end_[set] - first_row(set); }
  const std::vector<RowSet>& sets() const { return sets_; }

 private:
  virtual void read_row(std::int64_t row, std::int64_t epoch, const Row& out) const = 0;

  std::vector<RowSet> sets_;
  std::int64_t length_;
  std::vector<std::int64_t> row_end_;  // of each set in the rows of an epoch
  std::int64_t tokens_ = 0;
};

class TrainBatches final : public SetBatches {
 public:
  TrainBatches(std::vector<RowSet> row_sets, std::int64_t length, std::uint64_t seed)
      : SetBatches(std::move(row_sets), length), seed_(seed) {
    for (const RowSet& set : sets()) {
      const auto pass = static_cast<double>(set.rows->count());
      const auto targets = static_cast<double>(set.rows->targets());  // at least one in each row
      if (set.weight * targets > kMostTokens) {
        throw usage_error("a weight of {} makes more than {} tokens per epoch", set.weight,
                          kMostTokens);
      }
      const auto rows = std::max<std::int64_t>(1, std::llround(set.weight * pass));
      add_set(rows, std::llround(targets * static_cast<double>(rows) / pass));
    }
  }

 private:
  void read_row(std::int64_t position, std::int64_t epoch, const Row& out) const override {
    const auto shuffled = static_cast<std::int64_t>(
        permute(static_cast<std::uint64_t>(position), static_cast<std::uint64_t>(rows_per_epoch()),
                seed_, static_cast<std::uint64_t>(epoch)));
    const std::size_t set = set_of(shuffled);
    // Rows are counted over epochs: a weight of 0.5 takes two epochs for a pass, one of 2 half.
    const std::int64_t serial = epoch * rows_of(set) + (shuffled - first_row(set));
    const Rows& rows = *sets()[set].rows;
    const auto pass = static_cast<std::uint64_t>(serial / rows.count());
    const std::uint64_t row =
        permute(static_cast<std::uint64_t>(serial % rows.count()),
                static_cast<std::uint64_t>(rows.count()), seed_ + 1 + set, pass);
    rows.read(static_cast<std::int64_t>(row), pass, out);
  }

  std::uint64_t seed_;
};

class EvalBatches final : public SetBatches {
 public:
  EvalBatches(std::vector<RowSet> row_sets, std::int64_t length)
      : SetBatches(std::move(row_sets), length) {
    for (const RowSet& set : sets()) add_set(set.rows->count(), set.rows->targets());
  }

 private:
  void read_row(std::int64_t row, std::int64_t, const Row& out) const override {
    const std::size_t set = set_of(row);
    sets()[set].rows->read(row - first_row(set), 0, out);
  }
};

}  // namespace

std::unique_ptr<BatchSource> train_batches(std::vector<RowSet> sets, std::int64_t length,
                                           std::uint64_t seed) {
  return std::make_unique<TrainBatches>(std::move(sets), length, seed);
}

std::unique_ptr<BatchSource> eval_batches(std::vector<RowSet> sets, std::int64_t length) {
  return std::make_unique<EvalBatches>(std::move(sets), length);
}

}  // namespace llmops::data
