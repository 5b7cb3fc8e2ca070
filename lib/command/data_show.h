#pragma once

#include <cstdio>

#include "base/json.h"
#include "data/dataset.h"

namespace llmops::command {

struct ShowRows {
  std::int64_t first = 0, count = 4;
  bool eval = false;    // the eval split instead of the training split
  bool tokens = false;  // mark where tokens end
};

// Rows of a split as a model sees them, in the order of training: each run of tokens that see each
// other with its place in the row and its text.
void print_rows(std::FILE* out, const data::Dataset& dataset, const ShowRows& what);
Json rows_json(const data::Dataset& dataset, const ShowRows& what);

}  // namespace llmops::command
