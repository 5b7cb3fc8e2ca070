#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/process.h"

namespace llmops::data {

// Processes items with several threads and passes the results on in the order of submission, on the
// thread that submits. Each thread has a worker of its own, so a worker may keep state. An
// exception of a worker is thrown to the submitter when it is the turn of the item.
template <typename Item, typename Result>
class OrderedPool {
 public:
  using Worker = std::function<Result(Item&)>;

  OrderedPool(int threads, const std::function<Worker()>& make_worker,
              std::function<void(Result&)> consume)
      : consume_(std::move(consume)), limit_(2 * static_cast<std::size_t>(threads) + 1) {
    threads_.reserve(static_cast<std::size_t>(threads));
    try {
      while (std::ssize(threads_) < threads && add_thread(make_worker())) {
      }
    } catch (...) {
      stop();
      throw;
    }
  }
  ~OrderedPool() { stop(); }

  // Waits while more than two items for each thread are in progress.
  void submit(Item item) {
    auto job = std::make_shared<Job>();
    job->item = std::move(item);
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(job);
    }
    order_.push_back(std::move(job));
    work_.notify_one();
    while (order_.size() > limit_) consume_first();
  }
  void finish() {
    while (!order_.empty()) consume_first();
  }

 private:
  struct Job {
    Item item;
    Result result;
    std::exception_ptr error;
    bool done = false;
  };

  // Returns false when no more threads can be started: fewer give the same results. Throws when
  // there is none.
  bool add_thread(Worker worker) {
    try {
      threads_.push_back(start_thread([this, worker = std::move(worker)] { run(worker); }));
      return true;
    } catch (const Error&) {
      if (threads_.empty()) throw;
      return false;
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void run(const Worker& worker) {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      const std::shared_ptr<Job> job = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      try {
        job->result = worker(job->item);
      } catch (...) {
        job->error = std::current_exception();
      }
      lock.lock();
      job->done = true;
      done_.notify_one();
    }
  }

  void consume_first() {
    const std::shared_ptr<Job> job = std::move(order_.front());
    order_.pop_front();
    {
      std::unique_lock lock(mutex_);
      done_.wait(lock, [&] { return job->done; });
    }
    if (job->error) std::rethrow_exception(job->error);
    consume_(job->result);
  }

  std::function<void(Result&)> consume_;
  std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::deque<std::shared_ptr<Job>> waiting_;  // under mutex_
  bool stopping_ = false;                     // under mutex_
  std::deque<std::shared_ptr<Job>> order_;    // of the submitting thread
  std::vector<std::thread> threads_;
};

}  // namespace llmops::data
