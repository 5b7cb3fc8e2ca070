#include "checkpoint/checkpoint.h"
#include "tests/catch.h"

namespace llmops::checkpoint {
namespace {

Json json(const char* text) {
  return parse_json(text, "test");
}
using Changes = std::vector<std::string>;

TEST_CASE("equal identities have no changes, whatever the order of their keys") {
  CHECK(identity_changes(json(R"({"a": 1, "b": {"c": [1, 2]}})"),
                         json(R"({"b": {"c": [1, 2]}, "a": 1})"))
            .empty());
}

TEST_CASE("a change is named with its key, the old and the new value") {
  CHECK(identity_changes(json(R"({"train": {"seed": 1, "rate": 0.5}, "data": "abc"})"),
                         json(R"({"train": {"seed": 2, "rate": 0.5}, "data": "xyz"})")) ==
        Changes{"train.seed: 1 -> 2", "data: abc -> xyz"});
}

TEST_CASE("keys that came or went, and changes of type, are changes") {
  CHECK(identity_changes(json(R"({"a": 1, "b": {"x": 1}, "n": null})"),
                         json(R"({"c": [1], "b": 7})")) ==
        Changes{"a: 1 -> (none)", "b: {\"x\":1} -> 7", "n: null -> (none)", "c: (none) -> [1]"});
}

TEST_CASE("long values and control bytes are made fit for one line") {
  const Json saved = Json::object().set("k", std::string(500, 'x'));
  const Json now = Json::object().set("k", "a\nb\x1b[31m");
  const auto changes = identity_changes(saved, now);
  REQUIRE(changes.size() == 1);
  CHECK(changes[0] == "k: " + std::string(57, 'x') + "... -> a\\x0ab\\x1b[31m");
}

}  // namespace
}  // namespace llmops::checkpoint
