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

void count_targets(Batch& batch, const std::vector<std::int32_t>& token_bytes) {
  batch.supervised_tokens = batch.target_bytes = 0;
  for (const std::int32_t target : batch.targets) {
    if (target == kIgnore) continue;
    ++batch.supervised_tokens;
    batch.target_bytes += token_bytes[static_cast<std::size_t>(target)];
  }
}

bool any_segmented(const std::vector<RowSet>& sets) {
  return std::any_of(sets.begin(), sets.end(), [](const RowSet& s) { return s.rows->segmented(); });
}

void check_unchanged(const std::vector<RowSet>& sets) {
  for (const RowSet& set : sets) {
    if (set.cache != nullptr) set.cache->check_unchanged();
  }
}

class TrainBatches : public BatchSource {
 public:
  TrainBatches(std::vector<RowSet> sets, const BatchShape& shape, std::uint64_t seed,
               const std::vector<std::int32_t>& token_bytes)
      : sets_(std::move(sets)), shape_(shape), seed_(seed), token_bytes_(token_bytes) {
    for (const RowSet& set : sets_) {
      const auto pass = static_cast<double>(set.rows->count());
      const auto targets = static_cast<double>(set.rows->targets());  // one in each row at least
      if (set.weight * targets > kMostTokens) {
        throw usage_error("a weight of {} makes more than {} tokens per epoch", set.weight,
                          kMostTokens);
      }
      const auto rows = std::max<std::int64_t>(1, std::llround(set.weight * pass));
      row_end_.push_back((row_end_.empty() ? 0 : row_end_.back()) + rows);
      tokens_ += std::llround(targets * static_cast<double>(rows) / pass);
    }
  }

  std::int64_t batches_per_epoch() const override {
    const std::int64_t group = shape_.rows * shape_.world_size;
    return (row_end_.back() + group - 1) / group;
  }
  std::int64_t tokens_per_epoch() const override { return tokens_; }

  void read(std::int64_t index, Batch& batch) const override {
    check_unchanged(sets_);
    const std::int64_t epoch = index / batches_per_epoch();
    const std::int64_t in_epoch = index % batches_per_epoch();
    reset(batch, shape_.rows, shape_.length);
    batch.segmented = any_segmented(sets_);
    const std::int64_t first = (in_epoch * shape_.world_size + shape_.rank) * shape_.rows;
    for (std::int64_t b = 0; b < shape_.rows && first + b < row_end_.back(); ++b) {
      read_row(first + b, epoch, row_of(batch, b));
    }
    count_targets(batch, token_bytes_);
  }

 private:
  void read_row(std::int64_t place, std::int64_t epoch, const Row& out) const {
    const auto shuffled = static_cast<std::int64_t>(
        permute(static_cast<std::uint64_t>(place), static_cast<std::uint64_t>(row_end_.back()),
                seed_, static_cast<std::uint64_t>(epoch)));
    const auto set = static_cast<std::size_t>(
        std::upper_bound(row_end_.begin(), row_end_.end(), shuffled) - row_end_.begin());
    const std::int64_t begin = set == 0 ? 0 : row_end_[set - 1];
    // Rows are counted over epochs: a weight of 0.5 takes two epochs for a pass, one of 2 half.
    const std::int64_t serial = epoch * (row_end_[set] - begin) + (shuffled - begin);
    const Rows& rows = *sets_[set].rows;
    const auto pass = static_cast<std::uint64_t>(serial / rows.count());
    const std::uint64_t row =
        permute(static_cast<std::uint64_t>(serial % rows.count()),
                static_cast<std::uint64_t>(rows.count()), seed_ + 1 + set, pass);
    rows.read(static_cast<std::int64_t>(row), pass, out);
  }

  std::vector<RowSet> sets_;
  BatchShape shape_;
  std::uint64_t seed_;
  const std::vector<std::int32_t>& token_bytes_;
  std::vector<std::int64_t> row_end_;  // of each set in the rows of an epoch
  std::int64_t tokens_ = 0;
};

class EvalBatches : public BatchSource {
 public:
  EvalBatches(std::vector<RowSet> sets, const BatchShape& shape,
              const std::vector<std::int32_t>& token_bytes)
      : sets_(std::move(sets)), shape_(shape), token_bytes_(token_bytes) {
    for (const RowSet& set : sets_) {
      row_end_.push_back((row_end_.empty() ? 0 : row_end_.back()) + set.rows->count());
      tokens_ += set.rows->targets();
    }
  }

  std::int64_t batches_per_epoch() const override {
    return (row_end_.back() + shape_.rows - 1) / shape_.rows;
  }
  std::int64_t tokens_per_epoch() const override { return tokens_; }

  void read(std::int64_t index, Batch& batch) const override {
    check_unchanged(sets_);
    const std::int64_t first = index % batches_per_epoch() * shape_.rows;
    const std::int64_t rows = std::min(shape_.rows, row_end_.back() - first);
    reset(batch, rows, shape_.length);
    batch.segmented = any_segmented(sets_);
    for (std::int64_t b = 0; b < rows; ++b) {
      const auto set = static_cast<std::size_t>(
          std::upper_bound(row_end_.begin(), row_end_.end(), first + b) - row_end_.begin());
      const std::int64_t begin = set == 0 ? 0 : row_end_[set - 1];
      sets_[set].rows->read(first + b - begin, 0, row_of(batch, b));
    }
    count_targets(batch, token_bytes_);
  }

 private:
  std::vector<RowSet> sets_;
  BatchShape shape_;
  const std::vector<std::int32_t>& token_bytes_;
  std::vector<std::int64_t> row_end_;
  std::int64_t tokens_ = 0;
};

}  // namespace

std::vector<std::int32_t> token_bytes(const text::Tokenizer& tokenizer) {
  std::vector<std::int32_t> bytes(static_cast<std::size_t>(tokenizer.vocab_size()));
  for (std::size_t id = 0; id < bytes.size(); ++id) {
    bytes[id] = static_cast<std::int32_t>(tokenizer.bytes(static_cast<text::TokenId>(id)).size());
  }
  return bytes;
}

std::unique_ptr<BatchSource> train_batches(std::vector<RowSet> sets, const BatchShape& shape,
                                           std::uint64_t seed,
                                           const std::vector<std::int32_t>& token_bytes) {
  return std::make_unique<TrainBatches>(std::move(sets), shape, seed, token_bytes);
}

std::unique_ptr<BatchSource> eval_batches(std::vector<RowSet> sets, const BatchShape& shape,
                                          const std::vector<std::int32_t>& token_bytes) {
  return std::make_unique<EvalBatches>(std::move(sets), shape, token_bytes);
}

}  // namespace llmops::data
