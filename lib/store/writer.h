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

// Writes the points and rows of one attempt of a run from a thread of its own, in one transaction
// a second. Callers only queue. What cannot be written yet, because the disk is full or another
// process holds the store, stays in memory and is tried again every second; nothing is dropped.
class Writer {
 public:
  // A change of other rows than points; runs on the writer's thread within its transaction, and
  // again if that fails.
  using Job = std::function<void(Store&)>;
  // Told, mostly from the writer's thread, when writing begins to fail, and when it has caught up;
  // also when the write-ahead log cannot be merged.
  using Report = std::function<void(std::string_view)>;

  // base_ms: the time that earlier attempts of the run took.
  Writer(Store store, std::int64_t run, std::int64_t attempt, std::int64_t base_ms, Report report);
  ~Writer();  // writes what is left if it can

  // Appends one point. It survives the end of the process after at most a second, and that of the
  // machine after the next flush(). Safe from any thread.
  void log(std::string_view series, std::int64_t step, double value);
  void post(Job job);
  // The run goes back to an earlier step: what is logged from now on belongs to its next attempt.
  void rewind(std::int64_t from_step);
  // Waits until all that was queued before is on the disk. Returns the reason when it is not after
  // wait_ms, or as soon as a try fails; it stays in memory and is tried again. Only asks, without
  // waiting, while writing fails.
  std::optional<Error> flush(std::int64_t wait_ms);
  // Tries for a few seconds to write what is left, ends the thread and merges the write-ahead log
  // into the file if it can. Throws Error(kStorage) that says how much was not written, and why.
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
  Index index_;                         // name -> place in points_
  std::uint32_t places_ = 0;            // taken so far
  std::vector<std::string> new_names_;  // of the last of them, which points_ does not have yet
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
  std::optional<Error> dropped_;   // of the first row that can never be written
  bool has_just_dropped_ = false;  // in the last try: the next one can succeed
  std::int64_t last_beat_ms_ = 0;
  bool is_failing_ = false, is_merge_failing_ = false;
  std::thread thread_;
};

}  // namespace llmops::store
