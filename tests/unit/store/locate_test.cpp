#include "store/locate.h"

#include <unistd.h>

#include <cstdlib>

#include "store/store.h"
#include "tests/catch.h"
#include "tests/unit/store/records.h"

namespace llmops::store {
namespace {

// Leaves working directory and environment as they were.
struct Elsewhere {
  explicit Elsewhere(const std::string& folder) : before(absolute_path(".")) {
    REQUIRE(::chdir(folder.c_str()) == 0);
    ::unsetenv("LLMOPS_STORE");
  }
  ~Elsewhere() {
    ::unsetenv("LLMOPS_STORE");
    if (::chdir(before.c_str()) != 0) std::abort();
  }
  std::string before;
};

TEST_CASE("the option goes before the variable, the variable before the nearest folder") {
  TemporaryDirectory folder;
  make_directories(folder.file("project/src/deep"));
  Store::open_to_write(folder.file("project/.llmops"));
  Elsewhere elsewhere(folder.file("project/src/deep"));
  CHECK(store_to_write("") == folder.file("project/.llmops"));
  Store::open_to_write(folder.file("project/src/.llmops"));
  CHECK(store_to_write("") == folder.file("project/src/.llmops"));
  ::setenv("LLMOPS_STORE", "/some/where", 1);
  CHECK(store_to_write("") == "/some/where");
  CHECK(store_to_write("mine") == folder.file("project/src/deep/mine"));
}

TEST_CASE("a folder without a store file, as a token cache makes it, hides no store above it") {
  TemporaryDirectory folder;
  Store::open_to_write(folder.file("project/.llmops"));
  make_directories(folder.file("project/sub/.llmops/cache"));
  Elsewhere elsewhere(folder.file("project/sub"));
  CHECK(store_to_write("") == folder.file("project/.llmops"));
  CHECK(find_store("") == folder.file("project/.llmops"));
}

TEST_CASE("a store is found through a link, and what is not a file is left to opening it") {
  TemporaryDirectory folder;
  Store::open_to_write(folder.file("real"));
  make_directories(folder.file("project/src"));
  REQUIRE(::symlink("../real", folder.file("project/.llmops").c_str()) == 0);
  Elsewhere elsewhere(folder.file("project/src"));
  CHECK(find_store("") == folder.file("project/.llmops"));
  make_directories(folder.file("project/src/.llmops/store.db"));
  CHECK(find_store("") == folder.file("project/src/.llmops"));
}

TEST_CASE("without any store, writing goes to the working directory and reading finds none") {
  TemporaryDirectory folder;
  Elsewhere elsewhere(folder.path());
  CHECK(store_to_write("") == folder.file(".llmops"));
  CHECK_FALSE(find_store("").has_value());
  CHECK(error_text([&] { get_store(""); }).find("no store in") != std::string::npos);
  CHECK_FALSE(path_exists(folder.file(".llmops")));
  make_directories(folder.file(".llmops/cache"));  // of the data, not yet a store
  CHECK_FALSE(find_store("").has_value());
  Store::open_to_write(store_to_write(""));
  CHECK(find_store("") == folder.file(".llmops"));
}

}  // namespace
}  // namespace llmops::store
