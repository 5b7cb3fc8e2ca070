// Prints what logging costs: the caller's nanoseconds per number, and the processor time of caller
// and writer together per step of 100 metrics, at a pace of one step every 17 ms. The same steps
// without logging are subtracted.
//
//   log_cost [STEPS]

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "base/text.h"
#include "base/time.h"
#include "record/run_recorder.h"
#include "tests/temporary_directory.h"

namespace {

using namespace llmops;

constexpr int kMetrics = 100;
constexpr double kStepSeconds = 0.017;

struct Cost {
  double calls = 0;      // seconds in log(), wall clock
  double processor = 0;  // seconds of the whole process
};

Cost run_steps(record::RunRecorder& run, std::int64_t steps) {
  std::vector<std::string> names;
  for (int i = 0; i < kMetrics; ++i) names.push_back(fmt::format("train/metric_{}", i));
  Cost cost;
  const double cpu_before = process_cpu_seconds();
  const double begin = monotonic_seconds();
  for (std::int64_t step = 0; step < steps; ++step) {
    const double before = monotonic_seconds();
    for (const std::string& name : names) run.log(name, step, 0.1 * static_cast<double>(step));
    cost.calls += monotonic_seconds() - before;
    const double rest = begin + kStepSeconds * static_cast<double>(step + 1) - monotonic_seconds();
    if (rest > 0) std::this_thread::sleep_for(std::chrono::duration<double>(rest));
  }
  run.flush(steps);
  cost.processor = process_cpu_seconds() - cpu_before;
  return cost;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t steps = argc > 1 ? parse_int(argv[1]).value_or(0) : 600;
  if (steps < 1) {
    std::fputs("usage: log_cost [STEPS]\n", stderr);
    return 2;
  }
  const TemporaryDirectory folder;
  record::RunStart start;
  start.system_metrics_seconds = 0;
  const auto idle = record::no_run(start);
  const auto run = record::begin_run(folder.path(), start);
  const Cost without = run_steps(*idle, steps);
  const Cost with = run_steps(*run, steps);
  run->finish(ExitCode::kOk, "");

  const double count = static_cast<double>(steps);
  const double per_step = (with.processor - without.processor) / count;
  fmt::print("caller: {:.0f} ns per number\n", 1e9 * with.calls / (count * kMetrics));
  fmt::print(
      "caller and writer: {:.1f} us of processor time per step of {} metrics, {:.2f} % of {:.0f} "
      "ms\n",
      1e6 * per_step, kMetrics, 100 * per_step / kStepSeconds, 1e3 * kStepSeconds);
  return 0;
}
