#include "config/keys.h"

#include "config/reference.h"
#include "config/schema.h"
#include "tests/catch.h"
#include "tests/unit/config/sample.h"

namespace llmops::config {

namespace {
std::vector<Key> sample_keys() {
  Sample defaults;
  return keys(fields_of(defaults));
}
}  // namespace

TEST_CASE("keys of absent sections and list elements are known too") {
  std::vector<std::string> values;
  for (const Key& key : sample_keys()) {
    if (key.kind == Key::Kind::kValue) values.push_back(example_path(key.path));
  }
  CHECK(values == std::vector<std::string>{"name", "inner.count", "inner.rate", "inner.shape",
                                           "inner.on", "extra.count", "extra.rate", "extra.shape",
                                           "extra.on", "parts.0.path", "parts.0.weight", "steps",
                                           "betas", "tags", "limit"});
}

TEST_CASE("the schema says types, ranges, choices and defaults") {
  const Json schema = json_schema(sample_keys(), "sample");
  CHECK(schema.at("$schema").as_string() == "https://json-schema.org/draft/2020-12/schema");
  CHECK_FALSE(schema.at("additionalProperties").as_bool());
  const Json& properties = schema.at("properties");
  const Json& inner = properties.at("inner").at("properties");
  CHECK(
      inner.at("count").dump() ==
      R"({"type":"integer","minimum":1.0,"maximum":1000000.0,"description":"A count.","default":3})");
  CHECK(inner.at("rate").at("exclusiveMaximum").as_double() == 1);
  CHECK(inner.at("shape").at("enum").dump() == R"(["round","square"])");
  CHECK(properties.at("steps").at("anyOf").as_array()[1].dump() == R"({"type":"null"})");
  CHECK(properties.at("betas").at("items").at("type").dump() == R"(["number","string"])");
  CHECK(properties.at("parts").at("items").at("properties").find("weight") != nullptr);
  CHECK(properties.find("extends") != nullptr);
}

TEST_CASE("the reference has a heading per section and a row per key") {
  const std::string text = markdown_reference(sample_keys());
  CHECK(text.find("\n## inner\n\nA section.\n") != std::string::npos);
  CHECK(text.find("\n## extra\n\nA section that may be absent. Optional.\n") != std::string::npos);
  CHECK(text.find("\n## parts[]\n") != std::string::npos);
  CHECK(text.find("| `shape` | `round` | text: one of round, square | identity | A shape. |\n") !=
        std::string::npos);
  CHECK(text.find("| `steps` |  | integer at least 1 | horizon | A horizon. |\n") !=
        std::string::npos);
}

}  // namespace llmops::config
