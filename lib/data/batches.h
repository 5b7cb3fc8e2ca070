#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/batch.h"
#include "data/rows.h"

namespace llmops::data {

// The rows of one source. They must outlive the BatchSource that reads them.
struct RowSet {
  const Rows* rows = nullptr;
  double weight = 1.0;  // passes per epoch
};

// Returns the rows for training, in an order that is a function of (seed, epoch). `length` is the
// number of tokens in a row.
std::unique_ptr<BatchSource> train_batches(std::vector<RowSet> sets, std::int64_t length,
                                           std::uint64_t seed);
// Returns the rows for evaluation: those of all sets in order, the same in every epoch.
std::unique_ptr<BatchSource> eval_batches(std::vector<RowSet> sets, std::int64_t length);

}  // namespace llmops::data
