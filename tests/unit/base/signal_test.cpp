#include "base/signal.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops {

TEST_CASE("the first signal asks to stop and names its exit code") {
  struct Case {
    int number;
    ExitCode code;
    const char* name;
  };
  for (const Case& c : {Case{SIGTERM, ExitCode::kTerminated, "SIGTERM"},
                        Case{SIGINT, ExitCode::kInterrupted, "SIGINT"},
                        Case{SIGHUP, ExitCode::kHangup, "SIGHUP"}}) {
    install_signal_handlers();
    CHECK_FALSE(stop_requested());
    throw_if_stop_requested("tokenizing");
    ::raise(c.number);
    CHECK(stop_requested());
    CHECK(stop_exit_code() == c.code);
    CHECK(stop_signal_name() == c.name);
    CHECK(error_of([] { throw_if_stop_requested("tokenizing"); })->what() ==
          std::string("tokenizing: stopped by ") + c.name);
  }
  install_signal_handlers();
}

TEST_CASE("a second signal ends the process with status 1") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    install_signal_handlers();
    ::raise(SIGINT);
    ::raise(SIGTERM);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 1);
}

TEST_CASE("a hangup that nohup told us to ignore stays ignored") {
  std::signal(SIGHUP, SIG_IGN);
  install_signal_handlers();
  ::raise(SIGHUP);
  CHECK_FALSE(stop_requested());
  std::signal(SIGHUP, SIG_DFL);
  install_signal_handlers();
}

TEST_CASE("SIGUSR1 asks for one save") {
  install_signal_handlers();
  CHECK_FALSE(take_save_request());
  ::raise(SIGUSR1);
  CHECK(take_save_request());
  CHECK_FALSE(take_save_request());
  CHECK_FALSE(stop_requested());
}

}  // namespace llmops
