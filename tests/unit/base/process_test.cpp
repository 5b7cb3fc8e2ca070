#include "base/process.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/file.h"
#include "base/resources.h"
#include "tests/catch.h"

namespace llmops {

TEST_CASE("this process is alive; one with another start time or boot is not") {
  ProcessIdentity me = this_process();
  CHECK(me.pid == ::getpid());
  CHECK(me.start_ticks > 0);
  CHECK(is_alive(me) == true);
  ProcessIdentity other = me;
  other.start_ticks += 1;
  CHECK(is_alive(other) == false);
  other = me;
  other.boot_id = "another";
  CHECK(is_alive(other) == false);
  other = me;
  other.pid_namespace = "pid:[1]";
  other.pid += 1;  // of a process that is none of ours
  CHECK(is_alive(other) == std::nullopt);
  other = me;
  other.host += "-elsewhere";
  CHECK(is_alive(other) == std::nullopt);
}

TEST_CASE("a process that has ended is dead before its parent looks") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const ProcessIdentity me = this_process();
    const ssize_t written = ::write(ends[1], &me.start_ticks, sizeof(me.start_ticks));
    ::_exit(written == sizeof(me.start_ticks) ? 0 : 1);
  }
  ProcessIdentity identity = this_process();
  identity.pid = child;
  REQUIRE(::read(ends[0], &identity.start_ticks, sizeof(identity.start_ticks)) ==
          sizeof(identity.start_ticks));
  siginfo_t info;
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK(is_alive(identity) == false);  // a zombie
  ::waitpid(child, nullptr, 0);
  CHECK(is_alive(identity) == false);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a process that exits, or was killed within a system call, is ending") {
  // /proc/PID/stat with the state and flags given; the name may hold anything.
  const auto stat = [](const char* state, int flags) {
    return fmt::format("7 (a) Z (b) {} 1 7 7 0 -1 {} 1 0 0 0 0 0 0 0 20 0 1 0 123 0 0", state,
                       flags);
  };
  const auto status = [](const char* own, const char* shared) {
    return fmt::format("Name:\ta\nSigPnd:\t{}\nShdPnd:\t{}\nSigBlk:\t0000000000000100\n", own,
                       shared);
  };
  const std::string none = "0000000000000000", kill = "0000000000000100", term = "0000000000004000";
  CHECK_FALSE(is_ending(stat("S", 0x400040), status(none.c_str(), term.c_str())));
  CHECK(is_ending(stat("Z", 0x400040), status(none.c_str(), none.c_str())));
  CHECK(is_ending(stat("R", 0x400044), status(none.c_str(), none.c_str())));
  CHECK(is_ending(stat("D", 0x400040), status(kill.c_str(), none.c_str())));
  CHECK(is_ending(stat("D", 0x400040), status(none.c_str(), kill.c_str())));
  CHECK(is_ending("", ""));
  CHECK_FALSE(is_ending(read_file("/proc/self/stat"), read_file("/proc/self/status")));
}

TEST_CASE("a command gives its output and status") {
  const CommandOutput hello = run_command({"sh", "-c", "echo hello; echo no >&2; exit 3"});
  CHECK(hello.output == "hello\n");
  CHECK(hello.status == 3);
  CHECK(run_command({"llmops-no-such-program"}).status == 127);
  CHECK(run_command({"sh", "-c", "kill -TERM $$"}).status == 128 + SIGTERM);
  CHECK(run_command({"cat"}).output.empty());  // standard input is empty
}

TEST_CASE("a command that hangs or floods is ended") {
  CHECK(run_command({"sleep", "1000"}, 50).status == 128 + SIGKILL);
  // The grandchild keeps the pipe open; the whole group is ended.
  CHECK(run_command({"sh", "-c", "sleep 1000 & wait"}, 50).status == 128 + SIGKILL);
  CHECK(run_command({"yes"}, 60000, 1000).output.size() == 1000);
}

TEST_CASE("memory and cores are positive and within the machine") {
  const MemoryStatus memory = memory_status();
  CHECK(memory.total_bytes > 0);
  CHECK(memory.available_bytes > 0);
  CHECK(memory.available_bytes <= memory.total_bytes);
  CHECK(resident_anonymous_bytes() > 0);
  CHECK(peak_resident_bytes() >= resident_anonymous_bytes());
  CHECK(available_cores() >= 1);
  CHECK(available_cores() <= ::sysconf(_SC_NPROCESSORS_CONF));
}

}  // namespace llmops
