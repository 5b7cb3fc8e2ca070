#include "config/environment.h"

#include <cstdlib>

#include "tests/catch.h"

namespace llmops::config {

TEST_CASE("only ${env:NAME} is special") {
  ::setenv("LLMOPS_TEST_A", "1", 1);
  ::setenv("LLMOPS_TEST_B", "", 1);
  const Expansion both = expand_environment("${env:LLMOPS_TEST_A}-${env:LLMOPS_TEST_B}$x${y}");
  CHECK(both.problem.empty());
  CHECK(both.text == "1-$x${y}");
  CHECK(both.names == std::vector<std::string>{"LLMOPS_TEST_A", "LLMOPS_TEST_B"});
  CHECK(expand_environment("${env:LLMOPS TEST}").problem ==
        "a reference to the environment is written ${env:NAME}");
  CHECK_FALSE(expand_environment("${env:LLMOPS_TEST_A").problem.empty());
  CHECK_FALSE(expand_environment("${env:1A}").problem.empty());
}

TEST_CASE("a value that looks like a reference is not expanded again") {
  ::setenv("LLMOPS_TEST_A", "${env:HOME}", 1);
  CHECK(expand_environment("${env:LLMOPS_TEST_A}").text == "${env:HOME}");
}

TEST_CASE("a reference after another $ is text") {
  ::setenv("LLMOPS_TEST_A", "x$", 1);
  CHECK(expand_environment("a $${env:LLMOPS_TEST_A}").text == "a ${env:LLMOPS_TEST_A}");
  CHECK(expand_environment("$${env:").problem.empty());
  CHECK(expand_environment("${env:LLMOPS_TEST_A}${env:LLMOPS_TEST_A}").text == "x$x$");
  for (const char* text : {"", "$", "${env:A}", "$${env:A}", "$$${env:A}b${env:", "{$env:A}"}) {
    INFO(text);
    const Expansion back = expand_environment(escape_environment(text));
    CHECK(back.text == text);
    CHECK(back.names.empty());
  }
}

}  // namespace llmops::config
