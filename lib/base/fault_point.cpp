#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace llmops {

namespace {

enum State : int { kUnread, kOff, kArmed };
std::atomic<int> g_state{kUnread};
std::atomic<std::int64_t> g_passed{0};

struct Fault {
  std::string name;           // "*": every point
  std::int64_t position = 0;  // which passing, from 1
  bool and_later = false;     // "3+": that one and all after it
  int error = 0;              // 0: kill
};
std::mutex g_mutex;
Fault g_fault;

Fault parse_fault(std::string_view specification) {
  const std::vector<std::string> parts = split(specification, ':');
  const auto refuse = [&] {
    return usage_error("LLMOPS_FAULT: '{}' is not NAME:K:kill|enospc|eio|edquot|erofs|emfile",
                       specification);
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
  if (parts[2] == "kill")
    fault.error = 0;
  else if (parts[2] == "enospc")
    fault.error = ENOSPC;
  else if (parts[2] == "eio")
    fault.error = EIO;
  else if (parts[2] == "edquot")
    fault.error = EDQUOT;
  else if (parts[2] == "erofs")
    fault.error = EROFS;
  else if (parts[2] == "emfile")
    fault.error = EMFILE;
  else
    throw refuse();
  return fault;
}

int act(const char* name) {
  const std::lock_guard lock(g_mutex);
  if (g_fault.name != "*" && g_fault.name != name) return 0;
  const std::int64_t passing = ++g_passed;
  if (passing != g_fault.position && !(g_fault.and_later && passing > g_fault.position)) return 0;
  if (g_fault.error == 0) {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }
  return g_fault.error;
}

}  // namespace

void arm_fault(std::string_view specification) {
  const std::lock_guard lock(g_mutex);
  g_passed = 0;
  g_fault = specification.empty() ? Fault{} : parse_fault(specification);
  g_state = specification.empty() ? kOff : kArmed;
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
