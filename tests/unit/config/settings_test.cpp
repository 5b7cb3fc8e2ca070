#include "config/settings.h"

#include "tests/catch.h"
#include "tests/unit/config/sample.h"

namespace llmops::config {

namespace {
Json value_of_key(const std::vector<Setting>& list, std::string_view key) {
  for (const Setting& setting : list) {
    if (setting.key == key) return setting.value;
  }
  return "absent";
}
}  // namespace

TEST_CASE("settings are listed by their whole key, lists with numbers") {
  const Parsed parsed = parse_sample("parts: [{path: a}]\nlimit: 90s\n");
  const auto list = settings(fields_of(parsed.sample));
  CHECK(value_of_key(list, "parts.0.path") == Json("a"));
  CHECK(value_of_key(list, "inner.count") == Json(3));
  CHECK(value_of_key(list, "betas") == Json(Json::Array{0.5, 0.25}));
  CHECK(value_of_key(list, "limit") == Json(90.0));
  CHECK(value_of_key(list, "steps").is_null());
  CHECK(value_of_key(list, "extra.count") == Json("absent"));
}

TEST_CASE("what may be stored holds no value of the environment") {
  ::setenv("LLMOPS_TEST_WORD", "hidden", 1);
  const Parsed parsed = parse_sample("name: ${env:LLMOPS_TEST_WORD}");
  const auto stored = settings(fields_of(parsed.sample), &parsed.origins);
  CHECK(value_of_key(stored, "name") == Json("${env:LLMOPS_TEST_WORD}"));
  CHECK(value_of_key(settings(fields_of(parsed.sample)), "name") == Json("hidden"));
}

TEST_CASE("the digest follows identity fields only") {
  const auto digest = [](std::string_view text) {
    const Parsed parsed = parse_sample(text);
    return identity_digest(settings(fields_of(parsed.sample)));
  };
  const std::string standard = digest("");
  CHECK(standard.size() == 64);
  CHECK(digest("name: other\nsteps: 7\ncache: 1\nlimit: 5s\n") == standard);
  CHECK(digest("inner: {count: 3}") == standard);  // the default written out
  CHECK(digest("inner: {count: 4}") != standard);
  CHECK(digest("tags: [a]") != standard);
  CHECK(digest("extra: {}") != standard);
  CHECK(digest("parts: [{weight: 2}]") != digest("parts: [{weight: 3}]"));
}

TEST_CASE("a difference names key, both values and role") {
  const Parsed a = parse_sample("steps: 5\nparts: [{weight: 2}]"), b = parse_sample("name: y");
  const auto changes = diff(settings(fields_of(a.sample)), settings(fields_of(b.sample)));
  REQUIRE(changes.size() == 4);
  CHECK(changes[0].key == "name");
  CHECK(changes[0].role == Role::kOperational);
  CHECK(changes[1].key == "parts.0.path");
  CHECK(changes[2].key == "parts.0.weight");
  CHECK(changes[2].before == Json(2.0));
  CHECK(changes[2].after.is_null());
  CHECK(changes[2].role == Role::kIdentity);
  CHECK(changes[3].key == "steps");
  CHECK(changes[3].role == Role::kHorizon);
  CHECK(diff(settings(fields_of(a.sample)), settings(fields_of(a.sample))).empty());
  CHECK(diff(settings(fields_of(b.sample)), settings(fields_of(a.sample))).size() == 4);
}

}  // namespace llmops::config
