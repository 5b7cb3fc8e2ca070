#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/signal.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

namespace llmops {

namespace {
struct Disarm {
  ~Disarm() { arm_fault(""); }
};
}  // namespace

TEST_CASE("a fault acts on the k-th passing of its point only") {
  const Disarm disarm;
  arm_fault("here:2:eio");
  CHECK(fault_point("here") == 0);
  CHECK(fault_point("elsewhere") == 0);
  CHECK(fault_point("here") == EIO);
  CHECK(fault_point("here") == 0);
}

TEST_CASE("a fault with + acts on all later passings, * on every point") {
  const Disarm disarm;
  arm_fault("*:2+:enospc");
  CHECK(fault_point("a") == 0);
  CHECK(fault_point("b") == ENOSPC);
  CHECK(fault_point("a") == ENOSPC);
}

TEST_CASE("several faults count on their own, a signal reaches this process") {
  const Disarm disarm;
  install_signal_handlers();
  arm_fault("a:1:eio,b:2:enospc,a:2:usr1");
  CHECK(fault_point("b") == 0);
  CHECK(fault_point("a") == EIO);
  CHECK(fault_point("b") == ENOSPC);
  CHECK_FALSE(take_save_request());
  CHECK(fault_point("a") == 0);
  CHECK(take_save_request());
}

TEST_CASE("a malformed fault is refused") {
  for (const char* text :
       {"here", "here:0:kill", "here:x:kill", "here:1:explode", "a:1:eio:2", "a:1:eio,b"}) {
    CHECK(error_of([&] { arm_fault(text); }).has_value());
  }
}

TEST_CASE("kill ends the process as a power cut would") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    arm_fault("here:1:kill");
    fault_point("here");
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("whatever fails while a file is published, the old content or the new is there") {
  const Disarm disarm;
  TemporaryDirectory directory;
  const std::string path = directory.file("state");
  write_file_durably(path, "old");
  int failures = 0;
  for (int k = 1;; ++k) {
    arm_fault("*:" + std::to_string(k) + ":eio");
    const auto error = error_of([&] { write_file_durably(path, "new"); });
    arm_fault("");
    const std::string content = read_file(path);
    if (!error) {
      CHECK(content == "new");
      break;
    }
    ++failures;
    CHECK(error->code() == ExitCode::kStorage);
    CHECK((content == "old" || content == "new"));
    CHECK(list_directory(directory.path()) == std::vector<std::string>{"state"});
    write_file_durably(path, "old");
  }
  CHECK(failures == 5);  // create, write, sync, rename, sync of the directory
}

}  // namespace llmops
