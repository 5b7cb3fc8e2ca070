#include "recipe/reference.h"

#include <map>
#include <set>

#include "config/keys.h"
#include "recipe/recipe.h"
#include "tests/catch.h"

namespace llmops::recipe {

namespace {
std::vector<config::Key> all_keys() {
  static Recipe defaults;
  return config::keys(config::fields_of(defaults));
}
}  // namespace

TEST_CASE("no key appears twice and every key is explained by a sentence") {
  std::set<std::string> paths;
  for (const config::Key& key : all_keys()) {
    INFO(key.path);
    CHECK(paths.insert(key.path).second);
    CHECK(key.doc.size() > 5);
    CHECK(key.doc.ends_with('.'));
    CHECK(key.doc.find('|') == std::string::npos);  // would break the table
  }
}

TEST_CASE("every default satisfies its own rule") {
  for (const config::Key& key : all_keys()) {
    INFO(key.path);
    if (key.default_value.is_number()) {
      const double value = key.default_value.as_double();
      if (key.rule.low) CHECK((key.rule.open_low ? value > *key.rule.low : value >= *key.rule.low));
      if (key.rule.high)
        CHECK((key.rule.open_high ? value < *key.rule.high : value <= *key.rule.high));
    }
    if (key.default_value.is_string() && !key.rule.choices.empty()) {
      std::set<std::string_view> choices(key.rule.choices.begin(), key.rule.choices.end());
      CHECK(choices.contains(key.default_value.as_string()));
    }
  }
}

TEST_CASE("the page and the schema hold every key") {
  const std::string page = reference_page();
  const Json description = schema();
  for (const config::Key& key : all_keys()) {
    INFO(key.path);
    CHECK(page.find("`" + key.name + "`") + page.find("## " + key.path) != std::string::npos);
  }
  CHECK(description.at("properties").at("train").at("properties").find("max_steps") != nullptr);
  CHECK(page.find("| `per_device_train_batch_size` | `train.micro_batch_size` |") !=
        std::string::npos);
}

}  // namespace llmops::recipe
