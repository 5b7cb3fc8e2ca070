#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "saved.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

// A save with pruning, stopped at every write, sync, rename and removal it makes.
namespace llmops::checkpoint {
namespace {

struct Scene {
  const char* name;
  std::int64_t step;  // to save; 1 and 2 exist
};

void save_and_prune(const std::string& out, std::int64_t step) {
  save(out, step);
  prune(out, 2, {});
}

// Steps 1 and 2, saved once and copied: a sync costs milliseconds on a busy disk.
class Begun {
 public:
  Begun() {
    save(first_.path(), 1);
    save(first_.path(), 2);
  }
  void copy_to(const std::string& out) const {
    std::filesystem::copy(first_.path(), out, std::filesystem::copy_options::recursive);
  }

 private:
  TemporaryDirectory first_;
};

// Whatever happened: the newest valid checkpoint is the old or the new one, nothing half is listed,
// and the next save gives what an undisturbed run would have.
void check_recovers(const std::string& out, std::int64_t step) {
  remove_leftovers(out);
  for (const ListedCheckpoint& found : list_checkpoints(out)) {
    INFO(found.path);
    CHECK(verify(found.path).value_or("") == "");
    CHECK(read_file(found.path + "/model.safetensors") == model_text(found.step));
  }
  std::vector<std::string> warnings;
  const auto newest = newest_valid(out, warnings);
  REQUIRE(newest.has_value());
  CHECK(warnings.empty());
  CHECK((newest->manifest.step == 2 || newest->manifest.step == step));
  save_and_prune(out, step);
  const std::string final = checkpoint_name(step);
  CHECK(read_file(out + "/latest") == final + "\n");
  CHECK(newest_valid(out, warnings)->manifest.step == step);
  CHECK(list_directory(out).size() == 3);  // two checkpoints and the pointer
}

// True when the child was killed at its k-th fault point, false when it has fewer.
bool killed_at(const std::string& out, std::int64_t step, int k) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    arm_fault("*:" + std::to_string(k) + ":kill");
    try {
      save_and_prune(out, step);
    } catch (...) {
      ::_exit(2);
    }
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) {
    CHECK(WEXITSTATUS(status) == 0);
    return false;
  }
  CHECK(WTERMSIG(status) == SIGKILL);
  return true;
}

TEST_CASE("a kill at any point of a save leaves whole checkpoints") {
  const Begun begun;
  for (const Scene& scene : {Scene{"a new step", 3}, Scene{"a step saved before", 1}}) {
    INFO(scene.name);
    int k = 1;
    for (bool fired = true; fired; ++k) {
      INFO("point " << k);
      TemporaryDirectory directory;
      begun.copy_to(directory.path());
      fired = killed_at(directory.path(), scene.step, k);
      check_recovers(directory.path(), scene.step);
    }
    CHECK(k > 25);
  }
}

TEST_CASE("a full disk or a failing one at any point is an error that keeps the checkpoints") {
  const Begun begun;
  for (const std::string kind : {":enospc", "+:eio"}) {  // once, and from then on
    int k = 1;
    for (bool fired = true; fired; ++k) {
      const std::string fault = "*:" + std::to_string(k) + kind;
      INFO(fault);
      TemporaryDirectory directory;
      begun.copy_to(directory.path());
      arm_fault(fault);
      const auto error = error_of([&] { save_and_prune(directory.path(), 3); });
      arm_fault("");
      fired = error.has_value();
      if (fired) CHECK(error->code() == ExitCode::kStorage);
      check_recovers(directory.path(), 3);
    }
    CHECK(k > 25);
  }
}

}  // namespace
}  // namespace llmops::checkpoint
