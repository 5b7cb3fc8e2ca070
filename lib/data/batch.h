#pragma once

#include <cstdint>
#include <vector>

namespace llmops::data {

constexpr std::int32_t kIgnore = -1;  // a target without loss

// One micro batch of B rows of T tokens, row-major. Position (b, t) predicts targets[b*T + t] from
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
  std::int64_t target_bytes = 0;            // UTF-8 bytes of the supervised targets
};

// Gives the micro batches of a split. A batch is a function of its index alone, so a resumed run
// reads on where it stopped without replay. Safe to call from one thread at a time.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // Micro batches in one epoch (the last, smaller one of an eval pass included).
  virtual std::int64_t batches_per_epoch() const = 0;
  virtual std::int64_t tokens_per_epoch() const = 0;
  // Fills `batch` with micro batch `index`, counted over epochs: epoch = index / batches_per_epoch.
  virtual void read(std::int64_t index, Batch& batch) const = 0;
};

}  // namespace llmops::data
