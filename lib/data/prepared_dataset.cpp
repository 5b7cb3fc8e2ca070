#include "data/prepared_dataset.h"

#include "base/error.h"
#include "base/hash.h"

namespace llmops::data {

PreparedDataset::PreparedDataset(std::shared_ptr<const tokenizer::Tokenizer> tokenizer,
                                 std::vector<std::unique_ptr<TokenCache>> caches,
                                 std::vector<TokenizedSource> train,
                                 std::vector<TokenizedSource> eval, const RowSettings& settings)
    : tokenizer_(std::move(tokenizer)),
      caches_(std::move(caches)),
      settings_(settings),
      bos_(settings.append_eos ? tokenizer_->eos() : std::nullopt) {
  for (TokenizedSource& source : train) add_train(source);
  for (const TokenizedSource& source : eval) add_eval(source);
}

const Rows* PreparedDataset::keep(std::unique_ptr<Rows> rows, const TokenizedSource& source) {
  if (rows->count() == 0 || rows->targets() == 0) {
    throw usage_error("{} tokens in {} documents leave nothing to predict", source.tokens.size,
                      source.starts.size())
        .at(source.count.name);
  }
  rows_.push_back(std::move(rows));
  return rows_.back().get();
}

void PreparedDataset::add_train(TokenizedSource& source) {
  std::unique_ptr<Rows> rows;
  if (settings_.packing == recipe::Packing::kDocuments) {
    PackedRows packed = packed_rows(source, bos_, settings_.max_seq_length, settings_.overlength);
    source.count.dropped = packed.dropped;
    source.count.truncated = packed.truncated;
    rows = std::move(packed.rows);
  } else if (source.tokens.size < 2) {
    throw usage_error("{} tokens leave nothing to predict", source.tokens.size)
        .at(source.count.name);
  } else {
    rows = stream_rows(source.tokens, settings_.max_seq_length,
                       settings_.seed + 1 + train_sets_.size());
  }
  train_sets_.push_back({keep(std::move(rows), source), source.weight});
  train_counts_.push_back(source.count);
}

void PreparedDataset::add_eval(const TokenizedSource& source) {
  eval_sets_.push_back({keep(settings_.packing == recipe::Packing::kDocuments
                                 ? eval_packed_rows(source, bos_, settings_.max_seq_length)
                                 : eval_stream_rows(source.tokens, settings_.max_seq_length),
                             source)});
  eval_counts_.push_back(source.count);
  eval_origins_.push_back(eval_tokens_);
  for (const std::int64_t start : source.starts) eval_starts_.push_back(eval_tokens_ + start);
  eval_tokens_ += source.tokens.size;
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
  return data::train_batches(train_sets_, settings_.max_seq_length, settings_.seed);
}

std::unique_ptr<BatchSource> PreparedDataset::eval_batches() const {
  LLMOPS_CHECK(!eval_sets_.empty(), "there is no eval set");
  return data::eval_batches(eval_sets_, settings_.max_seq_length);
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
