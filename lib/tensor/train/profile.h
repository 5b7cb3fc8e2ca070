#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "tensor/kernels/kernels.h"

namespace llmops::tensor {

// Times every kernel by standing in front of the table, from any thread. One profiler at a time.
// Spans of the first steps go to a Chrome trace (chrome://tracing, Perfetto: JSON Array Format).
class Profiler {
 public:
  explicit Profiler(const Kernels& inner);
  ~Profiler();
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;

  const Kernels& kernels() const { return timed_; }
  // A part of the run on the training thread: "data", "update", "evaluation" …
  void phase(const char* name, double start, double end);
  void end_step(double seconds);
  // {"steps", "seconds_per_step", "phases": [{"name", "seconds_per_step"}] in order of their
  // first, "kernels": [{"name", "seconds_per_step", "calls_per_step"}] slowest first}. Kernel
  // seconds are summed over threads. Writes the trace when a path is given.
  Json finish(const std::string& trace_path);

  void record(std::size_t kernel, double start, double end);
  const Kernels& inner() const { return inner_; }

 private:
  struct Span {
    const char* name;
    int thread;
    double start, end;
  };
  static constexpr std::size_t kMaxSpans = 200'000;
  struct Total {
    double seconds = 0;
    std::int64_t calls = 0;
  };

  Kernels inner_, timed_;
  std::mutex mutex_;
  std::vector<Total> totals_;
  std::vector<std::pair<const char*, double>> phases_;
  std::vector<Span> spans_;
  double origin_;
  double step_seconds_ = 0;
  std::int64_t steps_ = 0;
};

// A phase from here to the end of the block; nothing without a profiler.
class TimedPhase {
 public:
  TimedPhase(Profiler* profiler, const char* name)
      : profiler_(profiler), name_(name), start_(profiler ? monotonic_seconds() : 0) {}
  ~TimedPhase() {
    if (profiler_) profiler_->phase(name_, start_, monotonic_seconds());
  }
  TimedPhase(const TimedPhase&) = delete;
  TimedPhase& operator=(const TimedPhase&) = delete;

 private:
  Profiler* profiler_;
  const char* name_;
  double start_;
};

}  // namespace llmops::tensor
