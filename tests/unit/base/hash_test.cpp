#include "base/hash.h"

#include "base/file.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

namespace llmops {

// FIPS 180-4 examples.
TEST_CASE("sha256 gives the published digests") {
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a digest does not depend on how the bytes arrive") {
  Sha256 hash;
  hash.update("a");
  hash.update(std::as_bytes(std::span("bc", 2)));
  Sha256 moved = std::move(hash);
  CHECK(moved.finish() == sha256("abc"));
}

TEST_CASE("a file's digest is that of its bytes") {
  TemporaryDirectory directory;
  const std::string content(2'500'000, 'q');
  write_file_durably(directory.file("f"), content);
  CHECK(sha256_file(directory.file("f")) == sha256(content));
  CHECK(error_of([&] { sha256_file(directory.file("none")); })->code() == ExitCode::kDamaged);
  CHECK(error_of([&] { sha256_file(directory.path()); })->code() == ExitCode::kDamaged);
}

}  // namespace llmops
