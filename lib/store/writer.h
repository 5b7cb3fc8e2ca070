#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "store/point_writer.h"
#include "store/store.h"

namespace llmops::store {

// Writes the points and rows of one attempt of a run from its own thread, in one transaction per
// second. Callers only queue. When the disk is full or another process holds the store, everything
// stays in memory and is tried again every second; nothing is dropped.
class Writer {
 public:
  // A change of rows other than points. Runs on the writer's thread within its transaction, and
  // runs again if that fails.
  using Job = std::function<void(Store&)>;
  // Called, mostly from the writer's thread, when writing begins to fail, when it works again, and
  // when the write-ahead log cannot be merged.
  using Report = std::function<void(std::string_view)>;

  // base_ms: the duration of the earlier attempts of the run.
  Writer(Store store, std::int64_t run, std::int64_t attempt, std::int64_t base_ms, Report report);
  ~Writer();  // tries to write what is left

  // Appends one point. It survives a crash of the process after at most a second, and a crash of
  // the machine after the next flush(). Safe from any thread.
  void log(std::string_view series, std::int64_t step, double value);
  void post(Job job);
  // Takes the run back to an earlier step: points that are logged later belong to its next attempt.
  void rewind(std::int64_t from_step);
  // Waits until everything queued so far is on the disk. Returns the reason if it is not after
  // wait_ms, or as soon as a try fails; it stays in memory and is tried again. While writing fails,
  // flush() wakes the thread and returns the reason at once.
  std::optional<Error> flush(std::int64_t wait_ms);
  // Tries for a few seconds to write what is left, ends the thread and merges the write-ahead log
  // if possible. Throws Error(kStorage) with the number of lost values and the reason.
  void close();

  std::int64_t elapsed_ms() const;  // of the run

 private:
  struct Entry {
    std::uint32_t series;  // kRewind: the run goes back to point.step
    Point point;
  };
  static constexpr std::uint32_t kRewind = ~0u;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Index = std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>>;

  std::uint32_t add_series(std::string_view name);
  void stop();
  void work();
  void take();
  void absorb();
  std::optional<Error> try_commit(bool durable);
  void commit();
  void require_complete() const;
  void merge(std::uint64_t beyond_bytes, int wait_ms);
  void report(const std::optional<Error>& failure);

  // Shared with callers, under mutex_.
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Index index_;                         // name -> index in points_
  std::uint32_t series_count_ = 0;      // with new_names_
  std::vector<std::string> new_names_;  // of the last series, which points_ does not have yet
  std::vector<Entry> queued_;
  std::vector<Job> queued_jobs_;
  std::uint64_t wanted_ = 0, tried_ = 0, flushed_ = 0;  // numbers of flush() calls
  std::optional<Error> failure_;                        // of the last try
  bool closing_ = false;
  std::int64_t give_up_ms_ = 0;  // once closing

  // The thread's own.
  Store store_;
  const std::int64_t run_, base_ms_, started_ms_;
  const Report report_;
  PointWriter points_;
  std::vector<Entry> taken_;
  std::vector<Job> jobs_;
  std::optional<Error> dropped_;   // the reason why a row can never be written, of the first one
  bool has_just_dropped_ = false;  // in the last try: the next one can succeed
  std::int64_t last_beat_ms_ = 0;
  bool is_failing_ = false, is_merge_failing_ = false;
  std::thread thread_;
};

}  // namespace llmops::store
