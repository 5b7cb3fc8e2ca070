#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/scan.h"
#include "tokenizer/tokenizer.h"

namespace llmops::data {

// Returns the tokenizer of a recipe that needs no training text, or nullptr.
std::unique_ptr<tokenizer::Tokenizer> fixed_tokenizer(const recipe::Tokenizer& settings);

// A source to train a tokenizer on. Only its training part is used.
struct TrainingText {
  const ScannedSource& source;
  ByteProgress progress;
};

// Trains the tokenizer of a recipe: char takes the alphabet of the texts; bpe learns merges from
// their words, which all cores count.
std::unique_ptr<tokenizer::Tokenizer> train_tokenizer(const recipe::Tokenizer& settings,
                                                      const std::vector<TrainingText>& texts);

}  // namespace llmops::data
