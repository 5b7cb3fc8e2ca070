#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/batches.h"
#include "data/dataset.h"
#include "data/token_cache.h"

namespace llmops::data {

// A Dataset over tokenized sources.
class PreparedDataset : public Dataset {
 public:
  // `caches` hold the tokens of the sources. Throws Error(kUsage) when a source leaves nothing to
  // predict.
  PreparedDataset(std::shared_ptr<const tokenizer::Tokenizer> tokenizer,
                  std::vector<std::unique_ptr<TokenCache>> caches,
                  std::vector<TokenizedSource> train, std::vector<TokenizedSource> eval,
                  const RowSettings& settings);

  const tokenizer::Tokenizer& tokenizer() const override { return *tokenizer_; }
  const std::vector<SourceCount>& train_counts() const override { return train_counts_; }
  const std::vector<SourceCount>& eval_counts() const override { return eval_counts_; }
  std::string digest() const override;
  bool has_eval() const override { return !eval_sets_.empty(); }
  std::unique_ptr<BatchSource> train_batches() const override;
  std::unique_ptr<BatchSource> eval_batches() const override;
  const std::vector<std::int64_t>& eval_document_starts() const override { return eval_starts_; }
  std::int64_t eval_row_start(std::int64_t row) const override;

 private:
  void add_train(TokenizedSource& source);
  void add_eval(const TokenizedSource& source);
  const Rows* keep(std::unique_ptr<Rows> rows, const TokenizedSource& source);

  std::shared_ptr<const tokenizer::Tokenizer> tokenizer_;
  std::vector<std::unique_ptr<TokenCache>> caches_;
  RowSettings settings_;
  std::optional<tokenizer::TokenId> bos_;  // before each packed document
  std::vector<std::unique_ptr<Rows>> rows_;
  std::vector<RowSet> train_sets_, eval_sets_;
  std::vector<SourceCount> train_counts_, eval_counts_;
  std::vector<std::int64_t> eval_starts_;
  std::vector<std::int64_t> eval_origins_;  // of each set in the eval stream
  std::int64_t eval_tokens_ = 0;
};

}  // namespace llmops::data
