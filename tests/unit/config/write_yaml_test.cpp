#include "config/write_yaml.h"

#include "config/value.h"
#include "tests/catch.h"
#include "tests/unit/config/sample.h"

namespace llmops::config {

TEST_CASE("what is written reads back as the same settings") {
  const Parsed first = parse_sample(
      "name: \"yes: #1\\n\\t\\u0001 é\"\n"
      "inner: {count: 9, rate: 0.1, shape: square, on: yes}\n"
      "extra: {rate: 1e-300}\n"
      "parts: [{path: 'a b'}, {weight: 0.30000000000000004}]\n"
      "steps: 1_000\n"
      "betas: []\n"
      "tags: [null1, 'null', '', '-', '7', 'a, b', \"'\", '~', 'off', '.5', '1e3', '[x', 'k: v']\n"
      "limit: 1.5h\n");
  REQUIRE(first.lines() == std::vector<std::string>{});
  const std::string text = write_yaml(fields_of(first.sample), first.origins);
  const Parsed second = parse_sample(text);
  INFO(text);
  CHECK(second.lines() == std::vector<std::string>{});
  CHECK(second.sample == first.sample);
  CHECK(parse_sample(write_yaml_with_origins(fields_of(first.sample), first.origins)).sample ==
        first.sample);
}

TEST_CASE("defaults and unset keys are written out") {
  const Sample sample;
  CHECK(write_yaml(fields_of(sample), {}) ==
        "name: x\n"
        "inner:\n"
        "  count: 3\n"
        "  rate: 0.5\n"
        "  shape: round\n"
        "  on: false\n"
        "extra: null\n"
        "parts: []\n"
        "steps: null\n"
        "betas: [0.5, 0.25]\n"
        "tags: []\n"
        "limit: null\n");
}

TEST_CASE("values of the environment are written as given, with their digest") {
  ::setenv("LLMOPS_TEST_WORD", "hidden", 1);
  const Parsed parsed = parse_sample("name: ${env:LLMOPS_TEST_WORD}");
  const std::string text = write_yaml(fields_of(parsed.sample), parsed.origins);
  CHECK(text.starts_with("name: \"${env:LLMOPS_TEST_WORD}\"  # LLMOPS_TEST_WORD=sha256:"));
  CHECK(text.find("hidden") == std::string::npos);
}

TEST_CASE("a text that reads like a reference comes back as that text") {
  Sample sample;
  sample.name = "${env:HOME}";
  sample.tags = {"a", "$${env:HOME}"};
  const Parsed parsed = parse_sample(write_yaml(fields_of(sample), {}));
  CHECK(parsed.lines() == std::vector<std::string>{});
  CHECK(parsed.sample == sample);
}

TEST_CASE("the place of every value stands in one column") {
  const Parsed parsed = parse_sample("parts:\n- path: a\n  weight: 2\n");
  const std::string text = write_yaml_with_origins(fields_of(parsed.sample), parsed.origins);
  INFO(text);
  CHECK(text.find("  - path: a         # f.yaml:2:9\n"
                  "    weight: 2       # f.yaml:3:11\n"
                  "steps: null         # default\n") != std::string::npos);
}

TEST_CASE("durations are written in their largest whole unit") {
  Duration value{5400};
  const FieldRef field(&value);
  CHECK(yaml_of(field) == "90m");
  value.seconds = 7200;
  CHECK(yaml_of(field) == "2h");
  value.seconds = 0.25;
  CHECK(yaml_of(field) == "0.25s");
}

}  // namespace llmops::config
