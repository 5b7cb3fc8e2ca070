#include "store/point_writer.h"

#include "store/run.h"

namespace llmops::store {

// A chunk is read as a whole, so its size is bounded.
constexpr std::int64_t kChunkPoints = 4096;

PointWriter::PointWriter(Store& store, std::int64_t run, std::int64_t attempt)
    : run_(run), attempt_(attempt) {
  for (Series& series : list_series_unchecked(store, run)) {
    names_.push_back(series.name);
    entries_.push_back({std::move(series), true, {}});
  }
}

void PointWriter::add_series(std::string name) {
  names_.push_back(name);
  entries_.push_back({Series{0, std::move(name), {}}, false, {}});
}

void PointWriter::add(std::size_t index, const Point& point) {
  Entry& entry = entries_[index];
  if (entry.chunks.empty()) waiting_.push_back(index);
  if (entry.chunks.empty() || entry.chunks.back().attempt != attempt_ ||
      entry.chunks.back().chunk.size() == kChunkPoints) {
    entry.chunks.push_back({attempt_, {}});
  }
  entry.chunks.back().chunk.add(point);
  entry.series.summary.add(point.step, point.value);
}

void PointWriter::rewind(std::int64_t from_step) {
  rewinds_.push_back({++attempt_, from_step});
}

std::int64_t PointWriter::waiting() const {
  std::int64_t count = 0;
  for (const std::size_t index : waiting_) {
    for (const auto& [attempt, chunk] : entries_[index].chunks) count += chunk.size();
  }
  return count;
}

void PointWriter::write(Store& store) {
  for (const Rewind& rewind : rewinds_) {
    continue_as_attempt(store, run_, rewind.attempt, rewind.from_step);
  }
  Statement insert = store.database().prepare(kInsertChunk);
  Statement update = store.database().prepare(kUpdateSummary);
  for (const std::size_t index : waiting_) {
    Entry& entry = entries_[index];
    if (!entry.is_stored) insert_series(store, run_, entry.series);
    for (const auto& [attempt, chunk] : entry.chunks) {
      insert_chunk(insert, entry.series.id, attempt, chunk);
    }
    update_summary(update, run_, entry.series);
  }
  visible_.clear();
  if (rewinds_.empty()) return;
  summarize_again(store, run_);
  for (const Series& series : list_series_unchecked(store, run_))
    visible_[series.name] = series.summary;
}

// Must not fail: points that are committed must not be written a second time.
void PointWriter::committed() noexcept {
  for (const std::size_t index : waiting_) {
    entries_[index].is_stored = true;
    entries_[index].chunks.clear();
  }
  waiting_.clear();
  if (rewinds_.empty()) return;
  rewinds_.clear();
  for (Entry& entry : entries_) {
    const auto visible = visible_.find(entry.series.name);
    if (visible != visible_.end()) entry.series.summary = visible->second;
  }
}

}  // namespace llmops::store
