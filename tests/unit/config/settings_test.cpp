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

}  // namespace llmops::config
