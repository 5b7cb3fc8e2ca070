#include "config/identity.h"

#include <cstdlib>

#include "tests/catch.h"
#include "tests/unit/config/sample.h"

namespace llmops::config {

namespace {

std::vector<Key> sample_keys() {
  Sample defaults;
  return keys(fields_of(defaults));
}

Json identity_of(std::string_view text) {
  const Parsed parsed = parse_sample(text);
  CHECK(parsed.lines() == std::vector<std::string>{});
  return identity(fields_of(parsed.sample), sample_keys(), parsed.origins);
}

std::string digest(std::string_view text) {
  return identity_digest(identity_of(text));
}

// "KEY: BEFORE -> AFTER" of each change.
std::vector<std::string> changes(const Json& saved, const Json& now) {
  std::vector<std::string> lines;
  for (const Change& change : identity_changes(saved, now, sample_keys())) {
    lines.push_back(change.key + ": " + change.before.dump() + " -> " + change.after.dump());
  }
  return lines;
}
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("the identity holds what differs from its default and decides the result") {
  CHECK(identity_of("").dump() == "{}");
  CHECK(identity_of("inner: {count: 3, rate: 0.5}\nbetas: [0.5, 0.25]").dump() == "{}");
  CHECK(identity_of("name: other\nsteps: 7\nlimit: 5s\n").dump() == "{}");
  CHECK(identity_of("inner: {count: 4}\ntags: [a]").dump() == R"({"inner.count":4,"tags":["a"]})");
}

TEST_CASE("how many sections a list has, and that an optional one is there, is identity") {
  CHECK(identity_of("parts: [{path: a}, {path: b, weight: 2}]").dump() ==
        R"({"parts":2,"parts.1.weight":2.0})");
  CHECK(identity_of("extra: {}").dump() == R"({"extra":true})");
  CHECK(identity_of("extra: {count: 4, rate: 0.5}").dump() == R"({"extra":true,"extra.count":4})");
}

TEST_CASE("the digest follows the identity alone") {
  const std::string unset = digest("");
  CHECK(unset.size() == 64);
  CHECK(digest("name: other\nsteps: 7\n") == unset);
  CHECK(digest("inner: {count: 3}") == unset);
  CHECK(digest("inner: {count: 4}") != unset);
  CHECK(digest("tags: [a]") != unset);
  CHECK(digest("extra: {}") != unset);
  CHECK(digest("parts: [{weight: 2}]") != digest("parts: [{weight: 3}]"));
  CHECK(identity_digest(parse_json(R"({"a": 1, "b": 2})", "test")) ==
        identity_digest(parse_json(R"({"b": 2, "a": 1})", "test")));
}

TEST_CASE("an absent key means its default on either side") {
  const Json none = Json::object(), three = Json::object().set("inner.count", 3);
  const Json four = Json::object().set("inner.count", 4);
  CHECK(changes(none, three) == Lines{});
  CHECK(changes(three, none) == Lines{});
  CHECK(changes(none, four) == Lines{"inner.count: 3 -> 4"});
  CHECK(changes(four, none) == Lines{"inner.count: 4 -> 3"});
  CHECK(changes(four, four) == Lines{});
}

TEST_CASE("elements of lists and optional sections have the defaults of their section") {
  CHECK(changes(identity_of("parts: [{weight: 1}]"), identity_of("parts: [{weight: 2}]")) ==
        Lines{"parts.0.weight: 1.0 -> 2.0"});
  CHECK(changes(identity_of("parts: [{path: a}]"), identity_of("parts: [{path: a}, {path: b}]")) ==
        Lines{"parts: 1 -> 2"});
  CHECK(changes(identity_of(""), identity_of("extra: {count: 4}")) ==
        Lines{"extra: null -> true", "extra.count: 3 -> 4"});
}

TEST_CASE("a value from the environment counts as that value, and text is not stored") {
  ::setenv("LLMOPS_TEST_COUNT", "4", 1);
  ::setenv("LLMOPS_TEST_WORD", "hidden", 1);
  const char* referred =
      "inner: {count: '${env:LLMOPS_TEST_COUNT}'}\ntags: ['${env:LLMOPS_TEST_WORD}']";
  const Json then = identity_of(referred);
  const Json written = identity_of("inner: {count: 4}\ntags: [hidden]");
  CHECK(then.find("inner.count")->dump() == "4");
  CHECK(then.dump().find("hidden") == std::string::npos);
  CHECK(changes(then, written) == Lines{});
  CHECK(identity_digest(then) == identity_digest(written));
  ::setenv("LLMOPS_TEST_COUNT", "5", 1);
  ::setenv("LLMOPS_TEST_WORD", "other", 1);
  const Json now = identity_of(referred);
  REQUIRE(changes(then, now).size() == 2);
  CHECK(changes(then, now)[0] == "inner.count: 4 -> 5");
}

TEST_CASE("a key that this program does not know is a change") {
  CHECK(changes(parse_json(R"({"future.key": 7})", "test"), Json::object()) ==
        Lines{"future.key: 7 -> null"});
  CHECK(changes(parse_json(R"({"digest.data": "a"})", "test"),
                parse_json(R"({"digest.data": "b"})", "test")) ==
        Lines{"digest.data: \"a\" -> \"b\""});
}

}  // namespace llmops::config
