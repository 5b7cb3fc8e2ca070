#pragma once

#include "data/batch.h"

namespace llmops::tensor {

// Rows [first, first + rows) of a batch.
inline data::Batch rows_of(const data::Batch& batch, std::int64_t first, std::int64_t rows) {
  data::Batch part;
  part.rows = rows;
  part.length = batch.length;
  part.segmented = batch.segmented;
  const auto begin = first * batch.length, end = begin + rows * batch.length;
  const auto cut = [&](const std::vector<std::int32_t>& from) {
    return std::vector<std::int32_t>(from.begin() + begin, from.begin() + end);
  };
  part.inputs = cut(batch.inputs);
  part.targets = cut(batch.targets);
  part.positions = cut(batch.positions);
  part.segment_start = cut(batch.segment_start);
  for (std::int32_t target : part.targets) part.supervised_tokens += target >= 0;
  return part;
}

}  // namespace llmops::tensor
