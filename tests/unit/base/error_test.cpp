#include "base/error.h"

#include <cerrno>
#include <set>

#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops {

TEST_CASE("an error is one line: place, message, remedy") {
  const Error error = usage_error("unknown key '{}'", "lr").at("r.yaml", 12, 3).hint("say so");
  CHECK(std::string(error.what()) == "r.yaml:12:3: unknown key 'lr'; say so");
  CHECK(error.code() == ExitCode::kUsage);
  CHECK(std::string(damaged("x").at("m.bin").what()) == "m.bin: x");
  CHECK(std::string(failed("x").hint("y").what()) == "x; y");
}

TEST_CASE("a full disk has its own code, an unreadable file the one that its reader gives") {
  CHECK(system_error("write", "f", ENOSPC, ExitCode::kUsage).code() == ExitCode::kStorage);
  CHECK(system_error("write", "f", EIO).code() == ExitCode::kStorage);
  CHECK(system_error("read", "f", EIO, ExitCode::kUsage).code() == ExitCode::kUsage);
  CHECK(system_error("read", "f", EIO, ExitCode::kDamaged).code() == ExitCode::kDamaged);
  CHECK(system_error("read", "f", ENOENT, ExitCode::kUsage).code() == ExitCode::kUsage);
  CHECK(system_error("read", "f", ENOMEM).code() == ExitCode::kOutOfMemory);
}

TEST_CASE("every exit code has one name and one meaning") {
  std::set<std::string_view> names;
  std::set<int> codes;
  for (const ExitCodeInfo& info : exit_codes()) {
    names.insert(info.name);
    codes.insert(static_cast<int>(info.code));
    CHECK(name_of(info.code) == info.name);
    CHECK(info.meaning.ends_with('.'));
  }
  CHECK(names.size() == exit_codes().size());
  CHECK(codes.size() == exit_codes().size());
}

TEST_CASE("a broken invariant says where and what") {
  const std::string text = error_text([] { LLMOPS_CHECK(1 + 1 == 3, "arithmetic"); });
  CHECK(text.find("failed: ") == 0);
  CHECK(text.find("error_test.cpp:") != std::string::npos);
  CHECK(text.find("1 + 1 == 3 does not hold: arithmetic") != std::string::npos);
}

}  // namespace llmops
