#pragma once

#include <cstdint>
#include <vector>

namespace llmops::data {

constexpr std::int32_t kIgnore = -1;  // a target without loss

// B rows of T tokens, row-major. Position (b, t) predicts targets[b*T + t] from
// inputs up to t that belong to the same document: attention of t sees keys
// segment_start[b*T + t] .. t, and positions restart at each document when documents are packed.
struct Batch {
  std::int64_t rows = 0, length = 0;        // B, T
  std::vector<std::int32_t> inputs;         // [B, T]
  std::vector<std::int32_t> targets;        // [B, T], kIgnore = no loss
  std::vector<std::int32_t> positions;      // [B, T]
  std::vector<std::int32_t> segment_start;  // [B, T], index within the row
  bool segmented = false;                   // false: every segment_start is 0
  std::int64_t supervised_tokens = 0;       // targets that count
};

// Source of the batches of a split. Rows are numbered over all epochs without a gap: row r is row
// r % rows_per_epoch() of epoch r / rows_per_epoch(). A row is a function of its number alone, so a
// resumed run continues where it stopped without replay, and neither the size of a batch nor the
// number of readers changes the order. Safe to call from one thread at a time.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual std::int64_t rows_per_epoch() const = 0;
  virtual std::int64_t tokens_per_epoch() const = 0;  // with a loss
  // Fills `batch` with rows [first, first + count).
  virtual void read(std::int64_t first, std::int64_t count, Batch& batch) const = 0;
};

}  // namespace llmops::data
