#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace llmops::record {

// Samples the machine and this process every few seconds from a thread of its own, and once more
// at the end, so that short runs have values too. Names:
//   sys/cpu_percent                  of all cores, 0 to 100
//   sys/process_cpu_percent          of one core
//   sys/process_rss_bytes  sys/memory_available_bytes  sys/disk_free_bytes (of `folder`)
//   sys/process_read_bytes_per_second  sys/process_write_bytes_per_second  (of storage)
class SystemMetrics {
 public:
  using Log = std::function<void(std::string_view name, double value)>;
  SystemMetrics(int every_seconds, std::string folder, Log log);
  ~SystemMetrics();
  SystemMetrics(const SystemMetrics&) = delete;
  SystemMetrics& operator=(const SystemMetrics&) = delete;

 private:
  struct Counters {
    double time = 0, process_cpu = 0;        // seconds
    double busy_ticks = 0, total_ticks = 0;  // of all cores
    double read_bytes = 0, written_bytes = 0;
  };
  static Counters read_counters();
  void work();
  void sample();

  const int every_seconds_;
  const std::string folder_;
  const Log log_;
  Counters before_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace llmops::record
