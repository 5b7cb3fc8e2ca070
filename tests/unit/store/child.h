#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/error.h"

namespace llmops::store {

// Another process: this test program, running one hidden test case with LLMOPS_TEST_STORE set.
class Child {
 public:
  Child(const std::string& test_case, const std::string& folder) {
    pid_ = ::fork();
    if (pid_ < 0) throw system_error("cannot fork for", test_case, errno);
    if (pid_ != 0) return;
    ::setenv("LLMOPS_TEST_STORE", folder.c_str(), 1);
    ::dup2(::open("/dev/null", O_WRONLY), 1);
    ::execl("/proc/self/exe", "child", test_case.c_str(), nullptr);
    ::_exit(127);
  }
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

  void kill() { ::kill(pid_, SIGKILL); }
  // The exit status, or 128 + the signal.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

// The folder given to a child; empty when the case is run by hand.
inline std::string child_folder() {
  const char* folder = std::getenv("LLMOPS_TEST_STORE");
  return folder == nullptr ? "" : folder;
}

}  // namespace llmops::store
