#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "data/token_cache.h"
#include "recipe/choices.h"

namespace llmops::data {

// The training or the eval part of a source, as tokens.
struct TokenizedSource {
  SourceCount count;
  double weight = 1.0;
  TokenView tokens;
  std::vector<std::int64_t> starts;  // of documents
};

// One row of a batch, T wide. Before Rows::read() its targets are all kIgnore, its positions count
// from 0 and it is one segment.
struct Row {
  std::span<std::int32_t> inputs, targets, positions, segment_start;
};

// The rows of one pass over a source, cut by stream_rows.cpp or packed_rows.cpp. Immutable.
class Rows {
 public:
  virtual ~Rows() = default;
  virtual std::int64_t count() const = 0;
  virtual std::int64_t targets() const = 0;  // in all rows
  virtual bool segmented() const { return false; }
  virtual void read(std::int64_t row, std::uint64_t pass, const Row& out) const = 0;
  // For eval rows: the position of the first target in the tokens.
  virtual std::int64_t first_target(std::int64_t) const { return 0; }
};

// Returns the rows of one stream for training: windows that begin at another position in each pass.
// The stream is taken as a ring, so that each token is a target exactly once in a pass.
std::unique_ptr<Rows> stream_rows(TokenView tokens, std::int64_t length, std::uint64_t seed);

// Returns the rows of one stream for evaluation: x[i : i+T] predicts x[i+1 : i+T+1], i = 0, T, 2T,
// …; the last row is shorter. Each token but the first is a target once.
std::unique_ptr<Rows> eval_stream_rows(TokenView tokens, std::int64_t length);

struct PackedRows {
  std::unique_ptr<Rows> rows;
  std::int64_t dropped = 0, truncated = 0;  // documents
};
// Packs documents into rows for training: they share a row without seeing each other. With `bos`,
// that token comes before each document and all its tokens are targets; without, its first token is
// not. `overlength` is data.overlength; throws Error(kUsage) when it is kError and a document is
// longer than a row.
PackedRows packed_rows(const TokenizedSource& source, std::optional<tokenizer::TokenId> bos,
                       std::int64_t length, recipe::Overlength overlength);
// Packs documents into rows for evaluation: in order, and none is cut that fits into a row. Keeps
// all tokens.
std::unique_ptr<Rows> eval_packed_rows(const TokenizedSource& source,
                                       std::optional<tokenizer::TokenId> bos, std::int64_t length);

}  // namespace llmops::data
