#include "record/capture.h"

#include "base/file.h"
#include "base/process.h"
#include "record/ulid.h"
#include "tests/catch.h"
#include "tests/temporary_directory.h"

namespace llmops::record {
namespace {

bool git(const std::string& folder, std::vector<std::string> arguments) {
  std::vector<std::string> command{"git", "-C", folder, "-c", "user.name=n", "-c", "user.email=e"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_command(command).status == 0;
}

TEST_CASE("a repository gives its commit, branch and what is not committed") {
  const TemporaryDirectory folder;
  if (!git(folder.path(), {"init", "-q", "-b", "trunk"})) {
    WARN("no git here: not tested");
    return;
  }
  write_file_durably(folder.file("code.txt"), "one\n");
  REQUIRE(git(folder.path(), {"add", "."}));
  CHECK(capture_git(folder.path()).commit == "(initial)");
  REQUIRE(git(folder.path(), {"commit", "-q", "-m", "first"}));
  const GitState clean = capture_git(folder.path());
  CHECK(clean.commit.size() == 40);
  CHECK(clean.branch == "trunk");
  CHECK(clean.dirty == false);
  CHECK(clean.diff.empty());

  // What a hostile repository could make git run must not run.
  REQUIRE(git(folder.path(), {"config", "diff.external", "touch " + folder.file("ran")}));
  REQUIRE(git(folder.path(), {"config", "core.fsmonitor", "touch " + folder.file("ran")}));
  write_file_durably(folder.file("code.txt"), "two\n");
  const GitState changed = capture_git(folder.path());
  CHECK(changed.dirty == true);
  CHECK(changed.diff.find("-one\n+two\n") != std::string::npos);
  CHECK_FALSE(path_exists(folder.file("ran")));
}

TEST_CASE("outside of a repository there is nothing to say") {
  const TemporaryDirectory folder;
  const GitState state = capture_git(folder.path());
  CHECK(state.commit.empty());
  CHECK_FALSE(state.dirty.has_value());
}

TEST_CASE("ids sort by time and do not repeat") {
  CHECK(make_ulid(0).substr(0, 10) == "0000000000");
  CHECK(make_ulid(1469918176385).substr(0, 10) == "01ARYZ6S41");  // the example of the spec
  CHECK(make_ulid(1) < make_ulid(2));
  CHECK(make_ulid(1) != make_ulid(1));
}

}  // namespace
}  // namespace llmops::record
