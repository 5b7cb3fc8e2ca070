#include "data/token_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/unit/data/scratch.h"

namespace llmops::data {

namespace {

using Ids = std::vector<tokenizer::TokenId>;

// Three documents, of which two train.
void write_three(const std::string& path, std::int64_t vocab_size) {
  TokenCacheWriter writer(path, vocab_size);
  const Ids first{1, 2, 3}, second{4}, third{static_cast<tokenizer::TokenId>(vocab_size - 1), 0};
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
    CHECK(ids_of(cache->eval_tokens()) == Ids{static_cast<tokenizer::TokenId>(vocab_size - 1), 0});
    CHECK(read_file(path).size() == (vocab_size > 65536 ? 24u : 16u) + 3 * 8 + 128);
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

TEST_CASE("a cache that lost or changed any byte is not opened") {
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

TEST_CASE("a cache of many blocks reads back from any position") {
  Scratch scratch;
  const std::string path = scratch.path("cache");
  for (const std::int64_t vocab_size : {300, 100'000}) {
    Ids ids(10'000);
    for (std::size_t i = 0; i < ids.size(); ++i)
      ids[i] = static_cast<tokenizer::TokenId>(i * 7 % 300);
    TokenCacheWriter writer(path, vocab_size);
    writer.append(ids);
    writer.end_document();
    writer.finish();
    const auto cache = TokenCache::open(path, vocab_size);
    REQUIRE(cache);
    CHECK(ids_of(cache->train_tokens()) == ids);
    for (const std::size_t from : {0u, 1u, 1023u, 1024u, 2047u, 2048u, 4095u, 9999u}) {
      for (const std::size_t count : {0u, 1u, 2u, 1025u, 5000u}) {
        if (from + count > ids.size()) continue;
        Ids read(count);
        cache->train_tokens().copy(static_cast<std::int64_t>(from), read);
        CHECK(std::equal(read.begin(), read.end(), ids.begin() + static_cast<long>(from)));
      }
    }
  }
}

TEST_CASE(
    "a cache that is cut or overwritten while it is read gives an error, never other tokens") {
  Scratch scratch;
  const std::string path = scratch.path("cache");
  write_three(path, 300);
  const auto cache = TokenCache::open(path, 300);
  REQUIRE(cache);
  const auto size = static_cast<off_t>(read_file(path).size());
  const timespec old[2] = {{1, 0}, {1, 0}};
  SECTION("cut to nothing") {
    REQUIRE(::truncate(path.c_str(), 0) == 0);
  }
  SECTION("cut by a byte") {
    REQUIRE(::truncate(path.c_str(), size - 1) == 0);
  }
  SECTION("cut and as long as before") {
    REQUIRE(::truncate(path.c_str(), 0) == 0);
    REQUIRE(::truncate(path.c_str(), size) == 0);
  }
  SECTION("overwritten with another id, size and time as before") {
    overwrite(path, 2, "\1");
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), old, 0) == 0);
  }
  Ids ids(4);
  CHECK(error_text([&] { cache->train_tokens().copy(0, ids); }) ==
        "damaged: " + path +
            ": the token cache was changed while it was in use; start or resume the run again: the "
            "cache is built from the text");
}

TEST_CASE("a cache that is touched, longer, deleted or replaced while it is read stays as it was") {
  Scratch scratch;
  const std::string path = scratch.path("cache");
  write_three(path, 300);
  const auto cache = TokenCache::open(path, 300);
  REQUIRE(cache);
  SECTION("touched") {
    const timespec old[2] = {{1, 0}, {1, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), old, 0) == 0);
  }
  SECTION("longer") {
    REQUIRE(::truncate(path.c_str(), 1 << 20) == 0);
  }
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
  CHECK(ids_of(cache->train_tokens()) == Ids{1, 2, 3, 4});
  CHECK(cache->train_starts() == std::vector<std::int64_t>{0, 3});
}

}  // namespace llmops::data
