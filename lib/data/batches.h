#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/batch.h"
#include "data/rows.h"
#include "text/tokenizer.h"

namespace llmops::data {

// UTF-8 bytes of each token's text, by id.
std::vector<std::int32_t> token_bytes(const text::Tokenizer& tokenizer);

// What a batch source reads from; outlives it.
struct RowSet {
  const Rows* rows = nullptr;
  double weight = 1.0;                // passes per epoch
  const TokenCache* cache = nullptr;  // asked whether it is unchanged; may be missing
};

struct BatchShape {
  std::int64_t rows = 0, length = 0;
  int rank = 0, world_size = 1;
};

// Training: all rows of an epoch in an order that is a function of (seed, epoch, index); ranks take
// turns. What is left of the last batch of an epoch are rows without targets.
std::unique_ptr<BatchSource> train_batches(std::vector<RowSet> sets, const BatchShape& shape,
                                           std::uint64_t seed,
                                           const std::vector<std::int32_t>& token_bytes);
// Evaluation: the rows in order, the last batch with fewer.
std::unique_ptr<BatchSource> eval_batches(std::vector<RowSet> sets, const BatchShape& shape,
                                          const std::vector<std::int32_t>& token_bytes);

}  // namespace llmops::data
