#include "tensor/train/profile.h"

#include <omp.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/file.h"
#include "base/time.h"

namespace llmops::tensor {

namespace {

Profiler* active = nullptr;

// The number of a kernel here is its place in the list of all.
enum Number : std::size_t {
#define NUMBER(Type, name) kNumber_##name,
  LLMOPS_KERNELS(NUMBER)
#undef NUMBER
      kKernelCount
};

constexpr std::array<const char*, kKernelCount> kNames{
#define NAME(Type, name) #name,
    LLMOPS_KERNELS(NAME)
#undef NAME
};

template <std::size_t kNumber, auto kMember>
struct Timed;
template <std::size_t kNumber, typename... Args, void (*Kernels::*kMember)(Args...)>
struct Timed<kNumber, kMember> {
  static void call(Args... args) {
    const double start = monotonic_seconds();
    (active->inner().*kMember)(args...);
    active->record(kNumber, start, monotonic_seconds());
  }
};

}  // namespace

Profiler::Profiler(const Kernels& inner)
    : inner_(inner), timed_(inner), totals_(kKernelCount), origin_(monotonic_seconds()) {
  LLMOPS_CHECK(active == nullptr, "one profiler at a time");
  active = this;
#define WRAP(Type, name) timed_.name = &Timed<kNumber_##name, &Kernels::name>::call;
  LLMOPS_KERNELS(WRAP)
#undef WRAP
}

Profiler::~Profiler() {
  active = nullptr;
}

void Profiler::record(std::size_t kernel, double start, double end) {
  const int thread = omp_get_thread_num();
  const std::lock_guard lock(mutex_);
  totals_[kernel].seconds += end - start;
  ++totals_[kernel].calls;
  if (spans_.size() < kMaxSpans) spans_.push_back({kNames[kernel], thread, start, end});
}

void Profiler::phase(const char* name, double start, double end) {
  const std::lock_guard lock(mutex_);
  const auto known = std::find_if(phases_.begin(), phases_.end(), [name](const auto& entry) {
    return std::string_view(entry.first) == name;
  });
  if (known == phases_.end()) {
    phases_.emplace_back(name, end - start);
  } else {
    known->second += end - start;
  }
  if (spans_.size() < kMaxSpans) spans_.push_back({name, 0, start, end});
}

void Profiler::end_step(double seconds) {
  step_seconds_ += seconds;
  ++steps_;
}

Json Profiler::finish(const std::string& trace_path) {
  std::vector<std::size_t> order(kKernelCount);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    return totals_[a].seconds > totals_[b].seconds;
  });
  const double steps = static_cast<double>(std::max<std::int64_t>(1, steps_));
  Json kernels = Json::array();
  for (std::size_t i : order) {
    if (totals_[i].calls == 0) continue;
    kernels.push(Json::object()
                     .set("name", kNames[i])
                     .set("seconds_per_step", totals_[i].seconds / steps)
                     .set("calls_per_step", static_cast<double>(totals_[i].calls) / steps));
  }
  Json phases = Json::array();
  for (const auto& [name, seconds] : phases_) {
    phases.push(Json::object().set("name", name).set("seconds_per_step", seconds / steps));
  }
  if (!trace_path.empty()) {
    std::string trace = "[\n";
    for (const Span& span : spans_) {
      trace += fmt::format(R"({{"name":"{}","ph":"X","pid":0,"tid":{},"ts":{:.3f},"dur":{:.3f}}},)"
                           "\n",
                           span.name, span.thread, (span.start - origin_) * 1e6,
                           (span.end - span.start) * 1e6);
    }
    if (!spans_.empty()) trace.erase(trace.size() - 2, 1);
    write_file_durably(trace_path, trace + "]\n");
  }
  return Json::object()
      .set("steps", steps_)
      .set("seconds_per_step", step_seconds_ / steps)
      .set("phases", phases)
      .set("kernels", kernels);
}

}  // namespace llmops::tensor
