#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/chunk.h"
#include "store/series.h"
#include "store/store.h"

namespace llmops::store {

// Collects the points of one attempt and writes them, one chunk per series and call, together with
// the summaries. For one thread.
class PointWriter {
 public:
  // Continues the series that the run has already.
  PointWriter(Store& store, std::int64_t run, std::int64_t attempt);

  // Names of the series. The position of a name is the index for add(); add_series() appends.
  const std::vector<std::string>& names() const { return names_; }
  void add_series(std::string name);
  void add(std::size_t series, const Point& point);
  // Begins the next attempt of the run, at this step and in the same process. Points that are added
  // later belong to it.
  void rewind(std::int64_t from_step);
  bool empty() const { return waiting_.empty() && rewinds_.empty(); }
  std::int64_t waiting() const;  // points that are not stored yet

  // Writes everything that was added, within a transaction of the caller. Points stay in memory
  // until committed() is called after its commit, so a failed transaction is written again.
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
  // Of the last write() with rewinds: the summaries of the points that are still visible, by name.
  std::unordered_map<std::string, Summary> visible_;
};

}  // namespace llmops::store
