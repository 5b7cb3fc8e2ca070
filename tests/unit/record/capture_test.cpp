#include "record/capture.h"

#include <sys/stat.h>

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

  write_file_durably(folder.file("code.txt"), "two\n");
  const GitState changed = capture_git(folder.path());
  CHECK(changed.dirty == true);
  CHECK(changed.diff.find("-one\n+two\n") != std::string::npos);
}

TEST_CASE("nothing runs that the configuration of a foreign repository names") {
  const TemporaryDirectory folder;
  const std::string path = folder.file("repository"), ran = folder.file("ran");
  if (!git(folder.path(), {"init", "-q", "repository"})) {
    WARN("no git here: not tested");
    return;
  }
  write_file_durably(join_path(path, "code.txt"), "one\n");
  REQUIRE(git(path, {"add", "."}));
  REQUIRE(git(path, {"commit", "-q", "-m", "first"}));
  const std::string touch = "touch " + ran + "; cat";
  for (const char* key : {"filter.a.clean", "filter.a.smudge", "filter.a.process",
                          "filter.b.c.clean", "diff.external", "diff.d.command", "diff.d.textconv",
                          "core.fsmonitor", "core.pager", "core.sshCommand", "core.editor"}) {
    REQUIRE(git(path, {"config", key, touch}));
  }
  REQUIRE(git(path, {"config", "filter.a.required", "true"}));
  REQUIRE(git(path, {"config", "filter.b.c.required", "true"}));
  make_directories(join_path(path, ".git/hooks"));
  for (const char* hook : {"post-index-change", "fsmonitor-watchman", "post-checkout"}) {
    const std::string file = join_path(path, std::string(".git/hooks/") + hook);
    write_file_durably(file, "#!/bin/sh\ntouch " + ran + "\n");
    REQUIRE(::chmod(file.c_str(), 0755) == 0);
  }
  for (const char* filter : {"a", "b.c"}) {
    CAPTURE(filter);
    write_file_durably(join_path(path, ".git/info/attributes"),
                       std::string("* diff=d filter=") + filter + "\n");
    write_file_durably(join_path(path, "code.txt"), "two\n");
    const GitState state = capture_git(path);
    CHECK(state.diff.find("-one\n+two\n") != std::string::npos);
    CHECK_FALSE(path_exists(ran));
    // The same by git itself runs it: the trap works.
    run_command({"git", "-C", path, "-c", "core.fsmonitor=false", "diff", "--no-ext-diff",
                 "--no-textconv", "HEAD"});
    CHECK(path_exists(ran));
    remove_all(ran);
  }
  // A name that cannot be overridden.
  REQUIRE(git(path, {"config", "filter.a=b.clean", touch}));
  write_file_durably(join_path(path, ".git/info/attributes"), "* filter=a=b\n");
  write_file_durably(join_path(path, "code.txt"), "three\n");
  CHECK(capture_git(path).commit.empty());
  CHECK_FALSE(path_exists(ran));
}

TEST_CASE("a diff that is too long says where it was cut") {
  const TemporaryDirectory folder;
  if (!git(folder.path(), {"init", "-q"})) {
    WARN("no git here: not tested");
    return;
  }
  write_file_durably(folder.file("large.txt"), "small\n");
  REQUIRE(git(folder.path(), {"add", "."}));
  REQUIRE(git(folder.path(), {"commit", "-q", "-m", "first"}));
  std::string large;
  while (large.size() < (5 << 20)) large += "a line of a large file\n";
  write_file_durably(folder.file("large.txt"), large);
  const std::string diff = capture_git(folder.path()).diff;
  CHECK(diff.size() < (4 << 20) + 100);
  CHECK(diff.ends_with("file\n[llmops: cut at 4 MiB, the rest is not recorded]\n"));
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
