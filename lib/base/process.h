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
  std::string pid_namespace;  // where pid counts: "pid:[4026531836]"; empty: not known
};
ProcessIdentity this_process();
// True, false, or unknown (another host or PID namespace: its processes cannot be seen). A process
// that is ending is not alive.
std::optional<bool> is_alive(const ProcessIdentity& process);
// Whether a process has ended, is ending, or was killed and ends once a system call returns, by
// the texts of its /proc/PID/stat and /proc/PID/status. It may still hold memory, files and locks.
bool is_ending(std::string_view stat, std::string_view status);

struct CommandOutput {
  int status = -1;     // exit status; 127 when the program could not be started
  std::string output;  // standard output, at most max_bytes
};
// Runs a program without a shell, standard input and error on /dev/null. Ends it after timeout_ms.
CommandOutput run_command(const std::vector<std::string>& arguments, int timeout_ms = 5000,
                          std::size_t max_bytes = std::size_t{16} << 20);

// Throws Error(kFailed) where a limit of processes forbids another thread.
std::thread start_thread(std::function<void()> work);
// Throws the same unless `count` more threads can run at once. For before a library that ends the
// process when it cannot start a thread.
void require_threads(int count);

}  // namespace llmops
