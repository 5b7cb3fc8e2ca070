#include "data/token_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/unit/data/scratch.h"

namespace llmops::data {

namespace {

using Ids = std::vector<text::TokenId>;

// Three documents, of which two train.
void write_three(const std::string& path, std::int64_t vocab_size) {
  TokenCacheWriter writer(path, vocab_size);
  const Ids first{1, 2, 3}, second{4}, third{static_cast<text::TokenId>(vocab_size - 1), 0};
  writer.append(first);
  writer.add_bytes(6);
  writer.end_document();
  writer.append(second);
  writer.add_bytes(1);
  writer.end_document();
  writer.begin_eval();
  writer.append(third);
  writer.add_bytes(3);
  writer.end_document();
  writer.finish();
}

Ids ids_of(TokenView view) {
  Ids ids(static_cast<std::size_t>(view.size));
  view.copy(0, ids);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(view[static_cast<std::int64_t>(i)] == ids[i]);
  }
  return ids;
}

// Without syncing, for many writes.
void replace_content(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

// Writes over a part of a file without making a new one.
void overwrite(const std::string& path, off_t at, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY);
  REQUIRE(::pwrite(fd, bytes.data(), bytes.size(), at) == static_cast<ssize_t>(bytes.size()));
  ::close(fd);
}

}  // namespace

TEST_CASE("a token cache gives back tokens, documents and both parts") {
  Scratch scratch;
  for (const std::int64_t vocab_size : {257, 65536, 65537, 1 << 20}) {
    CAPTURE(vocab_size);
    const std::string path = scratch.path("cache");
    write_three(path, vocab_size);
    const auto cache = TokenCache::open(path, vocab_size);
    REQUIRE(cache);
    CHECK(ids_of(cache->train_tokens()) == Ids{1, 2, 3, 4});
    CHECK(ids_of(cache->eval_tokens()) == Ids{static_cast<text::TokenId>(vocab_size - 1), 0});
    CHECK(cache->train_tokens().wide == (vocab_size > 65536));
    CHECK(cache->train_starts() == std::vector<std::int64_t>{0, 3});
    CHECK(cache->eval_starts() == std::vector<std::int64_t>{0});
    CHECK(cache->train().documents == 2);
    CHECK(cache->train().bytes == 7);
    CHECK(cache->eval().documents == 1);
    CHECK(cache->eval().bytes == 3);
    // The ids of another tokenizer would be outside the vocabulary.
    CHECK_FALSE(TokenCache::open(path, vocab_size - 1));
  }
}

TEST_CASE("a cache that lost or changed any byte is none") {
  Scratch scratch;
  const std::string path = scratch.path("cache");
  CHECK_FALSE(TokenCache::open(path, 300));
  write_three(path, 300);
  const std::string whole = read_file(path);
  REQUIRE(TokenCache::open(path, 300));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    CAPTURE(at);
    for (const int bit : {0, 3, 7}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      replace_content(path, changed);
      CHECK_FALSE(TokenCache::open(path, 300));
    }
    replace_content(path, whole.substr(0, at));
    CHECK_FALSE(TokenCache::open(path, 300));
    replace_content(path, whole.substr(at + 1));
    CHECK_FALSE(TokenCache::open(path, 300));
  }
  replace_content(path, whole + '\0');
  CHECK_FALSE(TokenCache::open(path, 300));
}

TEST_CASE("a cache appears under its name when it is whole") {
  Scratch scratch;
  const std::string path = scratch.path("cache");
  const Ids ids{1, 2};
  {
    TokenCacheWriter writer(path, 300);
    writer.append(ids);
    writer.end_document();
    CHECK_FALSE(path_exists(path));
  }
  CHECK(list_directory(scratch.path()).empty());
}

TEST_CASE("a cache that is written to while it is read is noticed") {
  Scratch scratch;
  const std::string path = scratch.path("cache");
  write_three(path, 300);
  const auto cache = TokenCache::open(path, 300);
  REQUIRE(cache);
  CHECK(error_text([&] { cache->check_unchanged(); }).empty());
  SECTION("truncated") {
    REQUIRE(::truncate(path.c_str(), 0) == 0);
  }
  SECTION("longer") {
    REQUIRE(::truncate(path.c_str(), 1 << 20) == 0);
  }
  SECTION("overwritten") {
    const timespec old[2] = {{1, 0}, {1, 0}};
    overwrite(path, 0, "xx");
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), old, 0) == 0);  // another mtime on any clock
  }
  CHECK(error_text([&] { cache->check_unchanged(); }) ==
        "failed: " + path + ": the token cache changed during the run");
}

TEST_CASE("a cache that is deleted or replaced while it is read stays as it was") {
  Scratch scratch;
  const std::string path = scratch.path("cache");
  write_three(path, 300);
  const auto cache = TokenCache::open(path, 300);
  REQUIRE(cache);
  SECTION("deleted") {
    remove_all(path);
  }
  SECTION("replaced") {
    scratch.write("cache", "another");
  }
  SECTION("deleted and built again") {
    remove_all(path);
    write_three(path, 300);
  }
  CHECK(error_text([&] { cache->check_unchanged(); }).empty());
  CHECK(ids_of(cache->train_tokens()) == Ids{1, 2, 3, 4});
}

}  // namespace llmops::data
