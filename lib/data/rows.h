#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/token_cache.h"
#include "recipe/choices.h"

namespace llmops::data {

// One row of a batch, T wide. Before a row is written its targets are all kIgnore, its positions
// count from 0 and it is one segment.
struct Row {
  std::span<std::int32_t> inputs, targets, positions, segment_start;
};

// The rows that a source gives in one pass over it. Immutable.
class Rows {
 public:
  virtual ~Rows() = default;
  virtual std::int64_t count() const = 0;
  virtual std::int64_t targets() const = 0;  // in all rows
  virtual bool segmented() const { return false; }
  virtual void read(std::int64_t row, std::uint64_t pass, const Row& out) const = 0;
  // For eval rows: the position in the tokens of the first target.
  virtual std::int64_t first_target(std::int64_t) const { return 0; }
};

// Training on one stream: windows that begin at a place which differs from pass to pass. The
// stream is taken as a ring, so that each token is a target exactly once in a pass.
std::unique_ptr<Rows> stream_rows(TokenView tokens, std::int64_t length, std::uint64_t seed);

// Evaluation of one stream: x[i : i+T] predicts x[i+1 : i+T+1], i = 0, T, 2T, …; the last row is
// shorter. Each token but the first is a target once.
std::unique_ptr<Rows> eval_stream_rows(TokenView tokens, std::int64_t length);

// How documents become rows that they share without seeing each other.
struct Packing {
  std::vector<std::int64_t> starts;      // of the documents in the tokens
  std::optional<text::TokenId> opening;  // stands before each document, so that all its tokens are
                                         // targets; else the first token is none
  std::string name;                      // of the source, for messages
};
struct PackedRows {
  std::unique_ptr<Rows> rows;
  std::int64_t dropped = 0, truncated = 0;  // documents
};
// Training: documents of about equal fill per row, longest first. `overlength` as data.overlength.
// Throws Error(kUsage) when it is kError and a document is longer than a row.
PackedRows packed_rows(TokenView tokens, const Packing& packing, std::int64_t length,
                       recipe::Overlength overlength);
// Evaluation: documents in order, none cut that fits into a row; all tokens are kept.
std::unique_ptr<Rows> eval_packed_rows(TokenView tokens, const Packing& packing,
                                       std::int64_t length);

}  // namespace llmops::data
