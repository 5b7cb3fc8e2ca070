#include "base/resources.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

// The memory and cores that this process may use: the machine, the affinity mask and the control
// groups (v1 and v2) limit them.
namespace llmops {

namespace {

// Leaf 7 of cpuid; zeros where there is none.
struct Features {
  unsigned eax = 0, edx = 0;
};
Features features([[maybe_unused]] unsigned subleaf) {
  Features found;
#if defined(__x86_64__)
  unsigned ebx = 0, ecx = 0;
  if (!__get_cpuid_count(7, subleaf, &found.eax, &ebx, &ecx, &found.edx)) return {};
#endif
  return found;
}

constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

std::string read_or_empty(const std::string& path) {
  try {
    return read_file(path, 1 << 20);
  } catch (const Error&) {
    return "";
  }
}

// The number after a key at the start of a line, as /proc and cgroup files write them.
std::optional<std::uint64_t> number_after(std::string_view text, std::string_view key) {
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with(key)) continue;
    std::string_view rest = trim(std::string_view(line).substr(key.size()));
    rest = rest.substr(0, rest.find(' '));
    if (const auto value = parse_int(rest)) return static_cast<std::uint64_t>(*value);
  }
  return std::nullopt;
}

std::uint64_t kibibytes(const std::string& file, std::string_view key) {
  return number_after(read_or_empty(file), key).value_or(0) * 1024;
}

// Returns kUnlimited for "max", for "9223372036854771712" (how v1 writes no limit) and for a
// missing file.
std::uint64_t limit_of(const std::string& path) {
  const auto value = parse_int(trim(read_or_empty(path)));
  return value && *value < (std::int64_t{1} << 60) ? static_cast<std::uint64_t>(*value)
                                                   : kUnlimited;
}

// The folders of this process's control group for a v1 controller and for v2, up to the root.
std::vector<std::string> control_groups(std::string_view controller) {
  std::vector<std::string> folders;
  for (const std::string& line : split(read_or_empty("/proc/self/cgroup"), '\n')) {
    const std::vector<std::string> fields = split(line, ':');
    if (fields.size() < 3) continue;
    std::string root = "/sys/fs/cgroup";
    if (!fields[1].empty()) {
      const auto names = split(fields[1], ',');
      if (std::find(names.begin(), names.end(), controller) == names.end()) continue;
      root += "/" + std::string(controller);
    }
    for (std::string path = fields[2]; path.size() > 1; path = parent_path(path)) {
      folders.push_back(root + path);
    }
    folders.push_back(root);  // inside a container the group itself is mounted here
  }
  return folders;
}

}  // namespace

MemoryStatus memory_status() {
  MemoryStatus status{kibibytes("/proc/meminfo", "MemTotal:"),
                      kibibytes("/proc/meminfo", "MemAvailable:")};
  for (const std::string& group : control_groups("memory")) {
    const std::uint64_t limit =
        std::min(limit_of(group + "/memory.max"), limit_of(group + "/memory.limit_in_bytes"));
    if (limit == kUnlimited) continue;
    std::uint64_t used = limit_of(group + "/memory.current");
    if (used == kUnlimited) used = limit_of(group + "/memory.usage_in_bytes");
    if (used == kUnlimited) used = 0;
    // Clean page cache is given back under pressure.
    const std::uint64_t cache =
        number_after(read_or_empty(group + "/memory.stat"), "inactive_file ").value_or(0);
    used -= std::min(used, cache);
    status.total_bytes = std::min(status.total_bytes, limit);
    status.available_bytes = std::min(status.available_bytes, limit - std::min(limit, used));
  }
  return status;
}

std::uint64_t resident_anonymous_bytes() {
  return kibibytes("/proc/self/status", "RssAnon:");
}
std::uint64_t peak_resident_bytes() {
  return kibibytes("/proc/self/status", "VmHWM:");
}

int available_cores() {
  int cores = 1;
  // The mask must be as long as the kernel's. sched_getaffinity does not report that length, it
  // only fails with EINVAL while the mask is too short.
  for (int capacity = 1024; capacity <= (1 << 16); capacity *= 2) {
    cpu_set_t* mask = CPU_ALLOC(static_cast<std::size_t>(capacity));
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(capacity));
    const bool known = sched_getaffinity(0, bytes, mask) == 0;
    if (known) cores = CPU_COUNT_S(bytes, mask);
    CPU_FREE(mask);
    if (known) break;
  }
  for (const std::string& group : control_groups("cpu")) {
    const auto fields = split(trim(read_or_empty(group + "/cpu.max")), ' ');
    std::uint64_t quota = kUnlimited, period = 100000;
    if (fields.size() == 2) {
      if (const auto value = parse_int(fields[0])) quota = static_cast<std::uint64_t>(*value);
      period = static_cast<std::uint64_t>(parse_int(fields[1]).value_or(100000));
    } else if (const auto value = parse_int(trim(read_or_empty(group + "/cpu.cfs_quota_us")))) {
      if (*value > 0) quota = static_cast<std::uint64_t>(*value);
      period = limit_of(group + "/cpu.cfs_period_us");
    }
    if (quota == kUnlimited || period == 0 || period == kUnlimited) continue;
    const double share = std::ceil(static_cast<double>(quota) / static_cast<double>(period));
    cores = static_cast<int>(std::min<double>(cores, share));
  }
  return std::max(cores, 1);
}

bool cpu_has_amx() {
  return (features(0).edx & (1u << 22)) != 0;
}

bool cpu_has_avx512_bf16() {
  return (features(1).eax & (1u << 5)) != 0;
}

bool cpu_has_bf16() {
  return cpu_has_amx() || cpu_has_avx512_bf16();
}

}  // namespace llmops
