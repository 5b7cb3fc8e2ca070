#include "record/capture.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"

namespace llmops::record {

namespace {

constexpr int kGitTimeoutMs = 5000;
constexpr std::size_t kMaxDiffBytes = 4 << 20;

CommandOutput run_git(const std::string& folder, std::vector<std::string> arguments,
                      std::size_t max_bytes) {
  std::vector<std::string> command{
      "git", "--no-optional-locks",      "--no-pager", "-c",  "core.fsmonitor=false",
      "-c",  "core.hooksPath=/dev/null", "-C",         folder};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_command(command, kGitTimeoutMs, max_bytes);
}

// The value of a "KEY<separator>value" line of a system file; empty when there is none.
std::string value_in(const std::string& path, std::string_view key, char separator) {
  try {
    for (const std::string& line : split(read_file(path, 1 << 20), '\n')) {
      const std::size_t end = line.find(separator);
      if (end == std::string::npos || trim(line.substr(0, end)) != key) continue;
      std::string value(trim(std::string_view(line).substr(end + 1)));
      if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
      return value;
    }
  } catch (const Error&) {  // not this kind of system
  }
  return "";
}

}  // namespace

GitState capture_git(const std::string& folder) {
  GitState state;
  const CommandOutput status = run_git(
      folder, {"status", "--porcelain=v2", "--branch", "--untracked-files=no"}, kMaxDiffBytes);
  if (status.output.empty() || status.status == 127) return state;
  bool dirty = false;
  for (const std::string& line : split(status.output, '\n')) {
    constexpr std::string_view kCommit = "# branch.oid ", kBranch = "# branch.head ";
    if (line.starts_with(kCommit)) {
      state.commit = line.substr(kCommit.size());
    } else if (line.starts_with(kBranch)) {
      state.branch = line.substr(kBranch.size());
    } else if (!line.empty() && line[0] != '#') {
      dirty = true;
    }
  }
  state.dirty = dirty;
  if (dirty && state.commit != "(initial)") {
    state.diff = run_git(folder, {"diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD"},
                         kMaxDiffBytes)
                     .output;
  }
  return state;
}

Json capture_hardware() {
  Json hardware = Json::object();
  utsname system{};
  ::uname(&system);
  hardware.set("host", system.nodename);
  hardware.set("cpu", value_in("/proc/cpuinfo", "model name", ':'));
  hardware.set("cores", available_cores());
  hardware.set("memory_bytes", memory_status().total_bytes);
  hardware.set("os", value_in("/etc/os-release", "PRETTY_NAME", '='));
  hardware.set("kernel", fmt::format("{} {}", system.sysname, system.release));
  return hardware;
}

std::string user_name() {
  const char* name = std::getenv("USER");
  return name != nullptr && *name != '\0' ? name : fmt::format("uid {}", ::geteuid());
}

}  // namespace llmops::record
