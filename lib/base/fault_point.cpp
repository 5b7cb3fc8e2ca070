#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace llmops {

namespace {

enum State : int { kUnread, kOff, kArmed };
std::atomic<int> g_state{kUnread};

struct Action {
  std::string_view name;
  int error;   // returned by the point
  int signal;  // sent to this process
};
constexpr std::array<Action, 11> kActions{{
    {"kill", 0, SIGKILL},
    {"term", 0, SIGTERM},
    {"int", 0, SIGINT},
    {"hup", 0, SIGHUP},
    {"usr1", 0, SIGUSR1},
    {"enospc", ENOSPC, 0},
    {"eio", EIO, 0},
    {"edquot", EDQUOT, 0},
    {"erofs", EROFS, 0},
    {"emfile", EMFILE, 0},
    {"nan", kNotFiniteFault, 0},
}};

struct Fault {
  std::string name;           // "*": every point
  std::int64_t position = 0;  // which passing, from 1
  bool and_later = false;     // "3+": that one and all after it
  Action action{};
  std::int64_t passed = 0;
};
std::mutex g_mutex;
std::vector<Fault> g_faults;

Fault parse_fault(std::string_view specification) {
  const std::vector<std::string> parts = split(specification, ':');
  const auto refuse = [&] {
    std::vector<std::string> names;
    for (const Action& action : kActions) names.emplace_back(action.name);
    return usage_error("LLMOPS_FAULT: '{}' is not NAME:K:{}", specification, join(names, "|"));
  };
  if (parts.size() != 3) throw refuse();
  Fault fault;
  fault.name = parts[0];
  std::string_view position = parts[1];
  if (position.ends_with('+')) {
    fault.and_later = true;
    position.remove_suffix(1);
  }
  fault.position = parse_int(position).value_or(0);
  if (fault.position < 1) throw refuse();
  for (const Action& action : kActions) {
    if (action.name == parts[2]) fault.action = action;
  }
  if (fault.action.name.empty()) throw refuse();
  return fault;
}

int act(const char* name) {
  const std::lock_guard lock(g_mutex);
  int error = 0;
  for (Fault& fault : g_faults) {
    if (fault.name != "*" && fault.name != name) continue;
    const std::int64_t passing = ++fault.passed;
    const bool acts = passing == fault.position || (fault.and_later && passing > fault.position);
    if (!acts) continue;
    if (fault.action.signal != 0) ::kill(::getpid(), fault.action.signal);
    while (fault.action.signal == SIGKILL) ::pause();
    if (error == 0) error = fault.action.error;
  }
  return error;
}

}  // namespace

void arm_fault(std::string_view specification) {
  const std::lock_guard lock(g_mutex);
  g_faults.clear();
  for (const std::string& one : split(specification, ',')) {
    if (!one.empty()) g_faults.push_back(parse_fault(one));
  }
  g_state = g_faults.empty() ? kOff : kArmed;
}

int fault_point(const char* name) {
  const int state = g_state.load(std::memory_order_relaxed);
  if (state == kOff) [[likely]]
    return 0;
  if (state == kUnread) {
    const char* specification = std::getenv("LLMOPS_FAULT");
    arm_fault(specification == nullptr ? "" : specification);
  }
  return g_state.load() == kArmed ? act(name) : 0;
}

}  // namespace llmops
