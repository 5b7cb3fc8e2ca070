#include "data/prepared.h"

#include "base/error.h"
#include "base/hash.h"

namespace llmops::data {

namespace {

void require_targets(const Rows& rows, const Part& part) {
  if (rows.count() > 0 && rows.targets() > 0) return;
  throw usage_error("{} tokens in {} documents leave nothing to predict", part.tokens.size,
                    part.starts.size())
      .at(part.count.name);
}

}  // namespace

PreparedDataset::PreparedDataset(std::shared_ptr<const text::Tokenizer> tokenizer,
                                 std::vector<std::unique_ptr<TokenCache>> caches,
                                 std::vector<Part> train, std::vector<Part> eval,
                                 const RowSettings& settings)
    : tokenizer_(std::move(tokenizer)), caches_(std::move(caches)), settings_(settings) {
  for (Part& part : train) add_train(part);
  for (Part& part : eval) add_eval(part);
}

void PreparedDataset::add_train(Part& part) {
  if (settings_.packing == recipe::Packing::kDocuments) {
    PackedRows packed = packed_rows(part.tokens, {part.starts, settings_.opening, part.count.name},
                                    settings_.length, settings_.overlength);
    part.count.dropped = packed.dropped;
    part.count.truncated = packed.truncated;
    rows_.push_back(std::move(packed.rows));
  } else if (part.tokens.size < 2) {
    throw usage_error("{} tokens leave nothing to predict", part.tokens.size).at(part.count.name);
  } else {
    rows_.push_back(
        stream_rows(part.tokens, settings_.length, settings_.seed + 1 + train_sets_.size()));
  }
  require_targets(*rows_.back(), part);
  train_sets_.push_back({rows_.back().get(), part.weight});
  train_counts_.push_back(part.count);
}

void PreparedDataset::add_eval(Part& part) {
  rows_.push_back(settings_.packing == recipe::Packing::kDocuments
                      ? eval_packed_rows(part.tokens,
                                         {part.starts, settings_.opening, part.count.name},
                                         settings_.length)
                      : eval_stream_rows(part.tokens, settings_.length));
  require_targets(*rows_.back(), part);
  eval_sets_.push_back({rows_.back().get(), 1.0});
  eval_counts_.push_back(part.count);
  eval_origins_.push_back(eval_tokens_);
  for (const std::int64_t start : part.starts) eval_starts_.push_back(eval_tokens_ + start);
  eval_tokens_ += part.tokens.size;
}

std::string PreparedDataset::digest() const {
  std::string all;
  for (const auto& cache : caches_) {
    all += fmt::format("{} {} {}\n", cache->digest(), cache->train().tokens, cache->eval().tokens);
  }
  return sha256(all);
}

std::unique_ptr<BatchSource> PreparedDataset::train_batches() const {
  LLMOPS_CHECK(!train_sets_.empty(), "an eval set has no training batches");
  return data::train_batches(train_sets_, settings_.length, settings_.seed);
}

std::unique_ptr<BatchSource> PreparedDataset::eval_batches() const {
  LLMOPS_CHECK(!eval_sets_.empty(), "there is no eval set");
  return data::eval_batches(eval_sets_, settings_.length);
}

std::int64_t PreparedDataset::eval_row_start(std::int64_t row) const {
  for (std::size_t i = 0; i < eval_sets_.size(); ++i) {
    if (row < eval_sets_[i].rows->count()) {
      return eval_origins_[i] + eval_sets_[i].rows->first_target(row);
    }
    row -= eval_sets_[i].rows->count();
  }
  LLMOPS_CHECK(false, "no such eval row");
  return 0;
}

}  // namespace llmops::data
