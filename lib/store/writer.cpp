#include "store/writer.h"

#include <pthread.h>

#include <chrono>
#include <ctime>
#include <utility>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"

namespace llmops::store {

namespace {

constexpr std::chrono::milliseconds kInterval{1000};
constexpr std::size_t kManyPoints = 1 << 16;  // do not wait for the interval
constexpr std::int64_t kBeatMs = 10'000;
constexpr std::uint64_t kMergeBytes = 16 << 20;
constexpr int kMergeWaitMs = 1000;
// The wait for another process's transaction. A failed write is tried again, so a longer wait would
// only delay the end of the program.
constexpr int kBusyMs = 2000;
constexpr std::chrono::milliseconds kRetry{200};  // when closing
constexpr std::int64_t kCloseMs = 3000;

// Costs a fifth of the exact clock, and is exact to its tick of 4 ms.
std::int64_t tick_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

// Whether a later try can succeed: after a full disk or a lock, but not after other errors.
bool may_work_later(const Error& error) {
  return error.code() == ExitCode::kStorage || error.code() == ExitCode::kBusy;
}

}  // namespace

Writer::Writer(Store store, std::int64_t run, std::int64_t attempt, std::int64_t base_ms,
               Report report)
    : store_(std::move(store)),
      run_(run),
      base_ms_(base_ms),
      started_ms_(tick_ms()),
      report_(std::move(report)),
      points_(store_, run, attempt) {
  store_.database().set_busy_timeout(kBusyMs);
  for (const std::string& name : points_.names()) index_.emplace(name, series_count_++);
  thread_ = start_thread([this] { work(); });
}

Writer::~Writer() {
  stop();
}

void Writer::log(std::string_view series, std::int64_t step, double value) {
  const std::int64_t time_ms = elapsed_ms();
  const std::lock_guard lock(mutex_);
  const auto known = index_.find(series);
  const std::uint32_t index = known != index_.end() ? known->second : add_series(series);
  queued_.push_back({index, {step, time_ms, value}});
  if (queued_.size() == kManyPoints) wake_.notify_one();
}

// The store holds only valid UTF-8 and no credentials, so two names may become one series.
std::uint32_t Writer::add_series(std::string_view name) {
  std::string stored = storable(name);
  const auto [entry, is_new] = index_.try_emplace(stored, series_count_);
  const std::uint32_t index = entry->second;
  if (is_new) {
    ++series_count_;
    new_names_.push_back(stored);
  }
  if (stored != name) index_.emplace(name, index);
  return index;
}

void Writer::post(Job job) {
  const std::lock_guard lock(mutex_);
  queued_jobs_.push_back(std::move(job));
}

void Writer::rewind(std::int64_t from_step) {
  const std::lock_guard lock(mutex_);
  queued_.push_back({kRewind, {from_step, 0, 0}});
}

std::optional<Error> Writer::flush(std::int64_t wait_ms) {
  std::unique_lock lock(mutex_);
  const std::uint64_t number = ++wanted_;
  wake_.notify_one();
  if (failure_) return failure_;
  done_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return tried_ >= number; });
  if (flushed_ >= number) return std::nullopt;
  if (failure_) return failure_;
  return Error(ExitCode::kBusy, fmt::format("no answer for {} ms", wait_ms)).at(store_.folder());
}

void Writer::close() {
  stop();
  require_complete();
  merge(0, kMergeWaitMs);
}

// Call it only after the thread has ended: it reads the thread's members.
void Writer::require_complete() const {
  if (failure_) {
    throw Error(ExitCode::kStorage,
                fmt::format("{} values and {} other entries could not be written: {}",
                            points_.waiting(), jobs_.size(), failure_->what()));
  }
  if (dropped_) {
    throw Error(ExitCode::kStorage,
                fmt::format("an entry could not be written: {}", dropped_->what()));
  }
}

void Writer::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    give_up_ms_ = tick_ms() + kCloseMs;
  }
  wake_.notify_one();
  thread_.join();
}

std::int64_t Writer::elapsed_ms() const {
  return base_ms_ + tick_ms() - started_ms_;
}

// The thread. Each round takes the queues, commits without the lock, and publishes the outcome. It
// ends when close() was called and a commit succeeded, or cannot succeed in time.
void Writer::work() {
  ::pthread_setname_np(::pthread_self(), "llmops-store");
  std::unique_lock lock(mutex_);
  for (bool last = false; !last;) {
    if (closing_ && failure_) {
      wake_.wait_for(lock, kRetry);
    } else {
      wake_.wait_for(lock, kInterval,
                     [&] { return closing_ || wanted_ > tried_ || queued_.size() >= kManyPoints; });
    }
    const bool closing = closing_;
    const std::uint64_t number = wanted_;
    // Syncing costs milliseconds: only when flush() or close() waits for it.
    const bool durable = closing || number > flushed_;
    take();
    lock.unlock();
    const std::optional<Error> failure = try_commit(durable);
    report(failure);
    lock.lock();
    tried_ = number;
    failure_ = failure;
    if (!failure) flushed_ = number;
    // After a row was dropped, the next try may succeed without it.
    const bool is_over = failure && !may_work_later(*failure) && !has_just_dropped_;
    last = closing && (!failure || is_over || tick_ms() >= give_up_ms_);
    done_.notify_all();
  }
}

// Takes over the queues, under the lock. The two vectors of points are swapped, so their memory is
// reused and callers hardly ever allocate.
void Writer::take() {
  for (std::string& name : new_names_) points_.add_series(std::move(name));
  new_names_.clear();
  std::swap(queued_, taken_);
  for (Job& job : queued_jobs_) jobs_.push_back(std::move(job));
  queued_jobs_.clear();
}

void Writer::absorb() {
  for (const Entry& entry : taken_) {
    if (entry.series == kRewind) {
      points_.rewind(entry.point.step);
    } else {
      points_.add(entry.series, entry.point);
    }
  }
  taken_.clear();
}

// Commits everything taken so far, or nothing: after a failure points_ and jobs_ keep it for the
// next try. Without new entries only the heartbeat is written, every kBeatMs.
std::optional<Error> Writer::try_commit(bool durable) {
  has_just_dropped_ = false;
  try {
    absorb();
    const bool idle = points_.empty() && jobs_.empty() && !durable;
    if (idle && tick_ms() - last_beat_ms_ < kBeatMs) return std::nullopt;
    store_.set_durable(durable);
    commit();
    points_.committed();
    jobs_.clear();
    last_beat_ms_ = tick_ms();
    merge(kMergeBytes, 0);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return failed("the store's writer: {}", error.what());
  }
}

void Writer::commit() {
  Transaction transaction(store_.database());
  if (const int error = fault_point("store.commit")) {
    throw system_error("cannot write to", store_.folder(), error);
  }
  store_.require_in_place();
  points_.write(store_);  // first: a job may be about the attempt that a rewind begins
  for (auto job = jobs_.begin(); job != jobs_.end(); ++job) {
    try {
      (*job)(store_);
    } catch (const Error& error) {
      if (may_work_later(error)) throw;
      if (!dropped_) dropped_ = error;
      jobs_.erase(job);  // it would block everything else
      has_just_dropped_ = true;
      throw;
    }
  }
  store_.database().run("UPDATE run SET heartbeat_ms = ?, elapsed_ms = ? WHERE id = ?",
                        wall_clock_ms(), elapsed_ms(), run_);
  transaction.commit();
}

// The log is already durable, so a failed merge does not fail the commit.
void Writer::merge(std::uint64_t beyond_bytes, int wait_ms) {
  try {
    store_.merge_log_beyond(beyond_bytes, wait_ms);
    is_merge_failing_ = false;
  } catch (const Error& error) {
    if (std::exchange(is_merge_failing_, true) || !report_) return;
    report_(fmt::format("{}; the store's log (WAL) could not be merged; nothing is lost",
                        error.what()));
  }
}

void Writer::report(const std::optional<Error>& failure) {
  if (failure.has_value() == is_failing_) return;
  is_failing_ = failure.has_value();
  if (!report_) return;
  if (failure) {
    report_(fmt::format("{}; values are kept in memory until the store can be written",
                        failure->what()));
  } else {
    report_(dropped_ ? "the store can be written again"
                     : "the store can be written again; nothing was lost");
  }
}

}  // namespace llmops::store
