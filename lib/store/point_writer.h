#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/chunk.h"
#include "store/series.h"
#include "store/store.h"

namespace llmops::store {

// Collects the points of one attempt and writes them, a chunk per series and call, together with
// the summaries. Of one thread.
class PointWriter {
 public:
  // Goes on with the series that the run has already.
  PointWriter(Store& store, std::int64_t run, std::int64_t attempt);

  // The names that have a place, in order of their index; new ones come after them.
  const std::vector<std::string>& names() const { return names_; }
  void add_series(std::string name);
  void add(std::size_t series, const Point& point);
  // What is added from now on belongs to the next attempt, which begins at this step in the same
  // process.
  void rewind(std::int64_t from_step);
  bool empty() const { return waiting_.empty() && rewinds_.empty(); }
  std::int64_t waiting() const;  // points that are not stored yet

  // Within a transaction. What was added stays until committed() says that it is safe, so a failed
  // transaction is simply written again.
  void write(Store& store);
  void committed() noexcept;

 private:
  struct AttemptChunk {
    std::int64_t attempt;
    Chunk chunk;
  };
  struct Entry {
    Series series;
    bool is_stored = false;
    std::vector<AttemptChunk> chunks;
  };
  struct Rewind {
    std::int64_t attempt, from_step;
  };
  const std::int64_t run_;
  std::int64_t attempt_;
  std::vector<std::string> names_;
  std::vector<Entry> entries_;
  std::vector<std::size_t> waiting_;  // entries with chunks
  std::vector<Rewind> rewinds_;       // not yet committed
  // Of the last write() with rewinds: the summaries without what those have hidden, by name.
  std::unordered_map<std::string, Summary> visible_;
};

}  // namespace llmops::store
