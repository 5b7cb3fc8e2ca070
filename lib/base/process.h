#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace llmops {

// Identity of a process that survives pid reuse: boot id + pid + start time in clock ticks
// (/proc/PID/stat field 22).
struct ProcessIdentity {
  std::string host, boot_id;
  std::int64_t pid = 0, start_ticks = 0;
  std::string pid_namespace;  // in which pid is valid: "pid:[4026531836]"; empty: unknown
};
ProcessIdentity this_process();
// Whether the process is alive; nothing when it runs on another host or in another PID namespace,
// whose processes are invisible here. A process that is ending is not alive.
std::optional<bool> is_alive(const ProcessIdentity& process);
// Whether a process has ended, is ending, or was killed and ends when a system call returns; by the
// texts of its /proc/PID/stat and /proc/PID/status. It may still hold memory, files and locks.
bool is_ending(std::string_view stat, std::string_view status);

struct CommandOutput {
  int status = -1;     // exit status; 127 when the program could not be started
  std::string output;  // standard output, at most max_bytes
};
// Runs a program without a shell, standard input and error on /dev/null. Ends it after timeout_ms.
CommandOutput run_command(const std::vector<std::string>& arguments, int timeout_ms = 5000,
                          std::size_t max_bytes = std::size_t{16} << 20);

// Starts a thread. Throws Error(kFailed) when a limit on processes forbids another one.
std::thread start_thread(std::function<void()> work);
// Throws the same Error unless `count` more threads can run at once. Call it before a library that
// ends the process when it cannot start a thread.
void require_threads(int count);

}  // namespace llmops
