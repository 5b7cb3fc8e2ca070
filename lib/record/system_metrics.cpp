#include "record/system_metrics.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/resources.h"
#include "base/text.h"
#include "base/time.h"

namespace llmops::record {

namespace {

// A file of /proc in words; empty when it is not there.
std::vector<std::string> words_of(const std::string& path) {
  std::vector<std::string> words;
  try {
    for (const std::string& line : split(read_file(path, 1 << 20), '\n')) {
      for (std::string& word : split(line, ' ')) {
        if (!word.empty()) words.push_back(std::move(word));
      }
    }
  } catch (const Error&) {
  }
  return words;
}

double number(const std::vector<std::string>& words, std::size_t at) {
  return at < words.size() ? parse_double(words[at]).value_or(0) : 0;
}

}  // namespace

SystemMetrics::SystemMetrics(int every_seconds, std::string folder, Log log)
    : every_seconds_(every_seconds),
      folder_(std::move(folder)),
      log_(std::move(log)),
      before_(read_counters()) {
  try {
    thread_ = start_thread([this] { work(); });
  } catch (const Error&) {  // what is only looked at ends no run
  }
}

SystemMetrics::~SystemMetrics() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void SystemMetrics::work() {
  ::pthread_setname_np(::pthread_self(), "llmops-system");
  std::unique_lock lock(mutex_);
  do {
    wake_.wait_for(lock, std::chrono::seconds(every_seconds_), [this] { return stopping_; });
    sample();
  } while (!stopping_);
}

SystemMetrics::Counters SystemMetrics::read_counters() {
  Counters now;
  now.time = monotonic_seconds();
  now.process_cpu = process_cpu_seconds();
  // "cpu user nice system idle iowait irq softirq steal": proc(5). Guest time is within user.
  const auto cpu = words_of("/proc/stat");
  for (std::size_t i = 1; i <= 8; ++i) now.total_ticks += number(cpu, i);
  now.busy_ticks = now.total_ticks - number(cpu, 4) - number(cpu, 5);
  const auto io = words_of("/proc/self/io");
  for (std::size_t i = 0; i + 1 < io.size(); i += 2) {
    if (io[i] == "read_bytes:") now.read_bytes = number(io, i + 1);
    if (io[i] == "write_bytes:") now.written_bytes = number(io, i + 1);
  }
  return now;
}

void SystemMetrics::sample() {
  const Counters now = read_counters();
  const double seconds = now.time - before_.time;
  const double ticks = now.total_ticks - before_.total_ticks;
  if (ticks > 0) log_("sys/cpu_percent", 100 * (now.busy_ticks - before_.busy_ticks) / ticks);
  if (seconds > 0) {
    log_("sys/process_cpu_percent", 100 * (now.process_cpu - before_.process_cpu) / seconds);
    log_("sys/process_read_bytes_per_second", (now.read_bytes - before_.read_bytes) / seconds);
    log_("sys/process_write_bytes_per_second",
         (now.written_bytes - before_.written_bytes) / seconds);
  }
  const double pages = number(words_of("/proc/self/statm"), 1);
  log_("sys/process_rss_bytes", pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  log_("sys/memory_available_bytes", static_cast<double>(memory_status().available_bytes));
  try {
    log_("sys/disk_free_bytes", static_cast<double>(free_bytes(folder_)));
  } catch (const Error&) {  // the folder is not there at the moment
  }
  before_ = now;
}

}  // namespace llmops::record
