#include "record/capture.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/resources.h"
#include "base/text.h"

namespace llmops::record {

namespace {

constexpr int kGitTimeoutMs = 5000;
constexpr std::size_t kMaxDiffBytes = 4 << 20, kMaxStatusBytes = 4 << 20;

// Runs git on one repository so that nothing is started which its configuration names: a repository
// may come from anywhere.
class Git {
 public:
  explicit Git(std::string folder) : folder_(std::move(folder)) {}

  // Clean filters cannot be switched off together: each is emptied by its name. Without them a file
  // with a filter may count as changed. False when a name cannot be given to git.
  bool disarm_filters() {
    const CommandOutput listed =
        run({"config", "-z", "--name-only", "--get-regexp", "^filter\\."}, kMaxStatusBytes);
    for (const std::string& key : split(listed.output, '\0')) {
      const std::size_t end = key.rfind('.');
      if (end == std::string::npos) continue;
      if (key.find('=') != std::string::npos) return false;
      const std::string filter = key.substr(0, end);
      for (const char* setting : {".clean=", ".process=", ".required=false"}) {
        settings_.insert(settings_.end(), {"-c", filter + setting});
      }
    }
    return true;
  }

  CommandOutput run(std::vector<std::string> arguments, std::size_t max_bytes) const {
    // A partial clone would fetch what it lacks, over a program of its choice.
    std::vector<std::string> command{"env",
                                     "GIT_ALLOW_PROTOCOL=",
                                     "GIT_NO_LAZY_FETCH=1",
                                     "git",
                                     "--no-optional-locks",
                                     "--no-pager",
                                     "-c",
                                     "core.fsmonitor=false",
                                     "-c",
                                     "core.hooksPath=/dev/null"};
    command.insert(command.end(), settings_.begin(), settings_.end());
    command.insert(command.end(), {"-C", folder_});
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_command(command, kGitTimeoutMs, max_bytes);
  }

 private:
  std::string folder_;
  std::vector<std::string> settings_;
};

// The changes since the commit. Submodules have configurations of their own and are not entered.
std::string diff_of(const Git& git) {
  CommandOutput diff = git.run({"diff", "--no-ext-diff", "--no-textconv", "--no-color",
                                "--submodule=short", "--ignore-submodules=dirty", "HEAD"},
                               kMaxDiffBytes + 1);
  const bool is_long = diff.output.size() > kMaxDiffBytes;
  if (!is_long && diff.status == 0) return std::move(diff.output);
  diff.output.resize(std::min(diff.output.size(), kMaxDiffBytes));
  diff.output.resize(diff.output.rfind('\n') + 1);
  return diff.output + (is_long ? "[llmops: cut at 4 MiB, the rest is not recorded]\n"
                                : "[llmops: git ended early, the rest is not recorded]\n");
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
  Git git(folder);
  if (!git.disarm_filters()) return state;
  const CommandOutput status = git.run(
      {"status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=dirty"},
      kMaxStatusBytes);
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
  if (dirty && state.commit != "(initial)") state.diff = diff_of(git);
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
