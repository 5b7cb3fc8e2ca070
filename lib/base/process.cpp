#include "base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <future>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/file_descriptor.h"
#include "base/text.h"
#include "base/time.h"

extern char** environ;

namespace llmops {

namespace {

// A file of /proc/PID; empty when there is no such process.
std::string read_proc(const std::string& pid, const char* name) {
  try {
    return read_file(fmt::format("/proc/{}/{}", pid, name), 1 << 16);
  } catch (const Error&) {
    return "";
  }
}

struct ProcessStat {
  char state = '?';
  std::int64_t flags = 0, start_ticks = 0;
};

// The name in parentheses may hold anything, so fields are counted from its last ')'.
std::optional<ProcessStat> parse_stat(std::string_view text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 > text.size()) return std::nullopt;
  const auto fields = split(text.substr(name_end + 2), ' ');
  if (fields.size() < 20 || fields[0].empty()) return std::nullopt;
  return ProcessStat{fields[0][0], parse_int(fields[6]).value_or(0),
                     parse_int(fields[19]).value_or(0)};
}

// Whether SIGKILL waits in a "SigPnd:" or "ShdPnd:" line of hexadecimal digits.
bool is_kill_pending(std::string_view status, std::string_view key) {
  const std::size_t at = status.find(key);
  if (at == std::string_view::npos) return false;
  const std::string mask(trim(status.substr(at + key.size(), 32)));
  return (std::strtoull(mask.c_str(), nullptr, 16) >> (SIGKILL - 1) & 1) != 0;
}

std::string boot_id() {
  try {
    return std::string(trim(read_file("/proc/sys/kernel/random/boot_id", 256)));
  } catch (const Error&) {
    return "";
  }
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0) return "localhost";
  return name;
}

std::string pid_namespace() {
  char name[64];
  const ssize_t size = ::readlink("/proc/self/ns/pid", name, sizeof(name));
  return size > 0 ? std::string(name, static_cast<std::size_t>(size)) : "";
}

// Starts the program in its own process group with `output` as its standard output.
std::optional<pid_t> spawn(const std::vector<std::string>& arguments, int output) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error == 0 ? std::optional(pid) : std::nullopt;
}

// Reads until the end, the limit or the deadline.
void drain(int fd, double deadline, std::size_t max_bytes, std::string& output) {
  char block[1 << 16];
  while (output.size() < max_bytes) {
    const int left_ms = static_cast<int>(1e3 * (deadline - monotonic_seconds()));
    pollfd ready{fd, POLLIN, 0};
    if (left_ms <= 0) return;
    if (::poll(&ready, 1, left_ms) <= 0) continue;  // a signal, or the deadline
    const ssize_t count = ::read(fd, block, std::min(sizeof(block), max_bytes - output.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    output.append(block, static_cast<std::size_t>(count));
  }
}

int await(pid_t pid, double deadline) {
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (monotonic_seconds() >= deadline) {
      ::kill(-pid, SIGKILL);
      detail::retry([&] { return ::waitpid(pid, &status, 0); });
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

ProcessIdentity this_process() {
  const std::optional<ProcessStat> stat = parse_stat(read_proc("self", "stat"));
  return {host_name(), boot_id(), ::getpid(), stat ? stat->start_ticks : 0, pid_namespace()};
}

std::optional<bool> is_alive(const ProcessIdentity& process) {
  if (process.host != host_name()) return std::nullopt;
  if (process.boot_id != boot_id()) return false;
  if (process.pid_namespace != pid_namespace()) return std::nullopt;
  const std::string pid = fmt::format("{}", process.pid), text = read_proc(pid, "stat");
  const std::optional<ProcessStat> stat = parse_stat(text);
  return stat && stat->start_ticks == process.start_ticks &&
         !is_ending(text, read_proc(pid, "status"));
}

bool is_ending(std::string_view text, std::string_view status) {
  constexpr std::int64_t kExiting = 4;  // PF_EXITING of the kernel's sched.h
  const std::optional<ProcessStat> stat = parse_stat(text);
  // A zombie has ended; only its parent has not waited for it yet.
  return !stat || status.empty() || stat->state == 'Z' || stat->state == 'X' ||
         (stat->flags & kExiting) != 0 || is_kill_pending(status, "\nSigPnd:") ||
         is_kill_pending(status, "\nShdPnd:");
}

CommandOutput run_command(const std::vector<std::string>& arguments, int timeout_ms,
                          std::size_t max_bytes) {
  LLMOPS_CHECK(!arguments.empty());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("cannot start", arguments[0], errno);
  const detail::Descriptor read_end(ends[0]);
  std::optional<pid_t> pid;
  {
    const detail::Descriptor write_end(ends[1]);
    pid = spawn(arguments, write_end.get());
  }
  CommandOutput result;
  result.status = 127;
  if (!pid) return result;
  const double deadline = monotonic_seconds() + 1e-3 * timeout_ms;
  drain(read_end.get(), deadline, max_bytes, result.output);
  // A program that still writes after the limit would wait for a reader for ever.
  if (result.output.size() >= max_bytes) ::kill(-*pid, SIGKILL);
  result.status = await(*pid, deadline);
  return result;
}

std::thread start_thread(std::function<void()> work) {
  try {
    return std::thread(std::move(work));
  } catch (const std::system_error& error) {
    throw failed("cannot start a thread: {}", error.code().message())
        .hint(
            "raise the limit of processes (ulimit -u, or the container's), or lower train.threads "
            "or --threads");
  }
}

void require_threads(int count) {
  // A joined thread still counts until the kernel has removed its entry, which is waited for below.
  const auto alive = [] { return list_directory("/proc/self/task").size(); };
  const std::size_t before = alive();
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  std::exception_ptr failure;
  try {
    for (int i = 0; i < count; ++i) {
      threads.push_back(start_thread([ended] { ended.wait(); }));
    }
  } catch (...) {
    failure = std::current_exception();
  }
  end.set_value();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  const double deadline = monotonic_seconds() + 1;
  while (alive() > before && monotonic_seconds() < deadline) std::this_thread::yield();
}

}  // namespace llmops
