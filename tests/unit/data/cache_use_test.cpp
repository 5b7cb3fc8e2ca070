#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/resources.h"
#include "data/cache_folder.h"
#include "data/dataset.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/unit/data/scratch.h"

namespace llmops::data {

namespace {

std::vector<std::string> names(const Scratch& scratch, std::string_view prefix) {
  std::vector<std::string> found;
  for (const std::string& name : list_directory(scratch.path("cache"))) {
    if (name.starts_with(prefix)) found.push_back(name);
  }
  return found;
}

// What prepare() did, in order.
std::vector<std::string> stages(const recipe::Recipe& recipe) {
  std::vector<std::string> all;
  prepare(recipe, [&](const PrepareProgress& progress) {
    CHECK(progress.done <= progress.total);
    if (all.empty() || all.back() != progress.what) all.push_back(progress.what);
  });
  return all;
}

using Stages = std::vector<std::string>;
const Stages kAll{"reading", "training tokenizer", "tokenizing"};

recipe::Recipe char_recipe(const Scratch& scratch, std::string_view text) {
  recipe::Recipe recipe = scratch.recipe({source(scratch.write("a.txt", text))});
  recipe.tokenizer.type = recipe::TokenizerType::kChar;
  return recipe;
}

// Runs `work` in another process; its wait status.
pid_t start(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    work();
    ::_exit(0);
  } catch (const Error& error) {
    ::_exit(static_cast<int>(error.code()));
  }
}
int status_of(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

}  // namespace

TEST_CASE("data that was prepared is used again, without reading it") {
  Scratch scratch;
  const recipe::Recipe recipe = char_recipe(scratch, "some text");
  CHECK(stages(recipe) == kAll);
  CHECK(stages(recipe).empty());
  // The same text under another name, compression or kind of file is read, not tokenized.
  recipe::Recipe moved = recipe;
  moved.data.train[0].path = scratch.write("b.jsonl", "{\"text\":\"some text\"}\n");
  CHECK(stages(moved) == Stages{"reading"});
  CHECK(prepare(moved)->digest() == prepare(recipe)->digest());
  CHECK(names(scratch, "tokens-").size() == 1);
}

TEST_CASE("tokens are kept by content, tokenizer, end tokens and split") {
  Scratch scratch;
  const recipe::Recipe first = char_recipe(scratch, "te xt text");
  const std::string digest = prepare(first)->digest();
  std::size_t caches = 1;
  const auto another = [&](const recipe::Recipe& recipe, const Stages& expected) {
    CHECK(stages(recipe) == expected);
    CHECK(prepare(recipe)->digest() != digest);
    CHECK(names(scratch, "tokens-").size() == ++caches);
  };
  recipe::Recipe recipe = first;
  recipe.data.eval_split = 0.5;
  another(recipe, {"training tokenizer", "tokenizing"});
  recipe = first;
  recipe.tokenizer.type = recipe::TokenizerType::kByte;
  another(recipe, {"tokenizing"});
  recipe.data.append_eos = false;
  another(recipe, {"tokenizing"});
  scratch.write("a.txt", "te xt tex!");  // of the same length
  another(first, kAll);
  // What does not decide the tokens shares them.
  recipe = first;
  recipe.data.max_seq_length = 4;
  recipe.data.packing = recipe::Packing::kDocuments;
  recipe.seed = 7;
  recipe.data.train[0].weight = 2;
  CHECK(stages(recipe).empty());
}

TEST_CASE("a damaged file in the cache is made again") {
  Scratch scratch;
  const recipe::Recipe recipe = char_recipe(scratch, "some text");
  const std::string digest = prepare(recipe)->digest();
  const auto damage = [&](std::string_view prefix,
                          const std::function<void(std::string&)>& change) {
    const std::string name = "cache/" + names(scratch, prefix).at(0);
    std::string content = read_file(scratch.path(name));
    change(content);
    scratch.write(name, content);
  };
  const auto flip = [](std::string& content) { content[content.size() / 2] ^= 1; };
  const auto cut = [](std::string& content) { content.resize(content.size() - 1); };
  const auto empty = [](std::string& content) { content.clear(); };
  for (const std::function<void(std::string&)>& change :
       {std::function<void(std::string&)>(flip), std::function<void(std::string&)>(cut),
        std::function<void(std::string&)>(empty)}) {
    damage("tokens-", change);
    CHECK(stages(recipe) == Stages{"tokenizing"});
    damage("scan-", change);
    CHECK(stages(recipe) == Stages{"reading"});
    damage("tokenizer-", change);
    CHECK(stages(recipe) == Stages{"training tokenizer"});
    CHECK(prepare(recipe)->digest() == digest);
  }
}

TEST_CASE("the folder of the cache may hold files of others") {
  Scratch scratch;
  recipe::Recipe recipe = char_recipe(scratch, "some text");
  recipe.data.cache_dir = scratch.path();
  scratch.write("notes.tmp.txt", "mine");
  scratch.write("work.tmp/file", "mine");
  scratch.write("tokens-0.bin.tmp", "of a killed process");
  scratch.write("scan-0.json.tmp.123", "of a killed process");
  prepare(recipe);
  CHECK(path_exists(scratch.path("notes.tmp.txt")));
  CHECK(path_exists(scratch.path("work.tmp/file")));
  CHECK_FALSE(path_exists(scratch.path("tokens-0.bin.tmp")));
  CHECK_FALSE(path_exists(scratch.path("scan-0.json.tmp.123")));
}

TEST_CASE("killed at any write, the next one finds nothing half-written") {
  Scratch scratch;
  const recipe::Recipe recipe = char_recipe(scratch, "some text, some text");
  Scratch other;
  recipe::Recipe unharmed = recipe;
  unharmed.data.cache_dir = other.path("cache");
  const std::string digest = prepare(unharmed)->digest();
  int kills = 0;
  for (int k = 1;; ++k) {
    remove_all(scratch.path("cache"));
    const int status = status_of(start([&] {
      arm_fault("*:" + std::to_string(k) + ":kill");
      prepare(recipe);
    }));
    const bool killed = WIFSIGNALED(status);
    kills += killed;
    CAPTURE(k, status);
    REQUIRE((killed || status == 0));
    CHECK(prepare(recipe)->digest() == digest);
    CHECK(stages(recipe).empty());
    for (const std::string& name : names(scratch, "")) CHECK_FALSE(is_unfinished(name));
    if (!killed) break;
  }
  CHECK(kills >= 9);  // write, sync and rename of scan, tokenizer and tokens
}

TEST_CASE("a full disk at any write ends with its error, and nothing half-written is used") {
  Scratch scratch;
  const recipe::Recipe recipe = char_recipe(scratch, "some text, some text");
  int failures = 0;
  // Points where data is read know no full disk.
  for (int k = 1, unharmed = 0; unharmed < 10; ++k) {
    CAPTURE(k);
    remove_all(scratch.path("cache"));
    arm_fault("*:" + std::to_string(k) + ":enospc");
    const auto error = error_of([&] { prepare(recipe); });
    arm_fault("");
    unharmed = error ? 0 : unharmed + 1;
    if (!error) continue;
    ++failures;
    CHECK(error->code() == ExitCode::kStorage);
    CHECK(prepare(recipe)->train_counts()[0].tokens == 20);
  }
  CHECK(failures >= 9);
}

TEST_CASE("of several processes that need the same data one prepares it") {
  Scratch scratch;
  const recipe::Recipe recipe = char_recipe(scratch, "some text");
  int gate[2];
  REQUIRE(::pipe(gate) == 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(start([&] {
      ::close(gate[1]);
      char byte;
      LLMOPS_CHECK(::read(gate[0], &byte, 1) == 0);  // until the gate opens for all
      const bool built = !stages(recipe).empty();
      if (built) write_file_durably(scratch.path("built-" + std::to_string(::getpid())), "");
    }));
  }
  ::close(gate[0]);
  ::close(gate[1]);
  for (const pid_t child : children) CHECK(status_of(child) == 0);
  const auto all = list_directory(scratch.path());
  CHECK(std::count_if(all.begin(), all.end(),
                      [](const std::string& name) { return name.starts_with("built-"); }) == 1);
  CHECK(stages(recipe).empty());
}

TEST_CASE("the tokens do not depend on the number of threads") {
  Scratch scratch;
  recipe::Source stories = synth_source("stories", 20'000);  // some chunks of a megabyte
  recipe::Recipe recipe = scratch.recipe({stories});
  recipe.tokenizer.type = recipe::TokenizerType::kBpe;
  recipe.tokenizer.vocab_size = 400;
  recipe.data.eval_split = 0.1;
  const auto many = prepare(recipe);
  recipe.data.cache_dir = scratch.path("one");
  // In a process of its own: the mask of this one stays as it is.
  CHECK(status_of(start([&] {
          cpu_set_t cores;
          CPU_ZERO(&cores);
          ::sched_getaffinity(0, sizeof cores, &cores);
          for (std::size_t i = 0, kept = 0; i < CPU_SETSIZE; ++i) {
            if (CPU_ISSET(i, &cores) && kept++ > 0) CPU_CLR(i, &cores);
          }
          ::sched_setaffinity(0, sizeof cores, &cores);
          LLMOPS_CHECK(available_cores() == 1);
          prepare(recipe);
        })) == 0);
  CHECK(stages(recipe).empty());
  const auto one = prepare(recipe);
  CHECK(one->tokenizer().digest() == many->tokenizer().digest());
  CHECK(one->digest() == many->digest());
  CHECK(list_directory(scratch.path("one")) == list_directory(scratch.path("cache")));
}

}  // namespace llmops::data
