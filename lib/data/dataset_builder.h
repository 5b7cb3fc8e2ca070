#pragma once

#include <memory>
#include <vector>

#include "data/documents.h"
#include "data/prepared.h"
#include "recipe/recipe.h"

namespace llmops::data {

// Puts the tokenized sources of a recipe together.
class DatasetBuilder {
 public:
  DatasetBuilder(const recipe::Recipe& recipe, std::shared_ptr<const text::Tokenizer> tokenizer)
      : recipe_(recipe), tokenizer_(std::move(tokenizer)) {}

  // Training sources first, as find_corpora() has them.
  void add(const Corpus& corpus, std::unique_ptr<TokenCache> cache);
  std::unique_ptr<PreparedDataset> build();

 private:
  const recipe::Recipe& recipe_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::vector<std::unique_ptr<TokenCache>> caches_;
  std::vector<Part> train_, eval_;
};

// As prepare(), from the cache alone and without writing; nullptr when something is not there or
// damaged.
std::unique_ptr<PreparedDataset> prepare_cached(const recipe::Recipe& recipe);

}  // namespace llmops::data
