#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/batches.h"
#include "data/dataset.h"
#include "data/token_cache.h"

namespace llmops::data {

// One part of one source, ready to be read.
struct Part {
  SourceCount count;
  double weight = 1.0;
  TokenView tokens;
  std::vector<std::int64_t> starts;  // of documents
};

// How tokens become rows: the keys of the recipe's data section that decide it.
struct RowSettings {
  std::int64_t length = 0;
  recipe::Packing packing = recipe::Packing::kStream;
  recipe::Overlength overlength = recipe::Overlength::kSplit;
  std::optional<text::TokenId> opening;
  std::uint64_t seed = 0;
};

// A Dataset over token caches. Throws Error(kUsage) when a part has nothing to predict.
class PreparedDataset : public Dataset {
 public:
  PreparedDataset(std::shared_ptr<const text::Tokenizer> tokenizer,
                  std::vector<std::unique_ptr<TokenCache>> caches, std::vector<Part> train,
                  std::vector<Part> eval, const RowSettings& settings);

  const text::Tokenizer& tokenizer() const override { return *tokenizer_; }
  const std::vector<SourceCount>& train_counts() const override { return train_counts_; }
  const std::vector<SourceCount>& eval_counts() const override { return eval_counts_; }
  std::string digest() const override;
  bool has_eval() const override { return !eval_sets_.empty(); }
  std::unique_ptr<BatchSource> train_batches() const override;
  std::unique_ptr<BatchSource> eval_batches() const override;
  const std::vector<std::int64_t>& eval_document_starts() const override { return eval_starts_; }
  std::int64_t eval_row_start(std::int64_t row) const override;

 private:
  void add_train(Part& part);
  void add_eval(Part& part);

  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::vector<std::unique_ptr<TokenCache>> caches_;
  RowSettings settings_;
  std::vector<std::unique_ptr<Rows>> rows_;
  std::vector<RowSet> train_sets_, eval_sets_;
  std::vector<SourceCount> train_counts_, eval_counts_;
  std::vector<std::int64_t> eval_starts_;
  std::vector<std::int64_t> eval_origins_;  // of each set in the eval stream
  std::int64_t eval_tokens_ = 0;
};

}  // namespace llmops::data
