// A recipe: lines that begin with @ are overrides, the rest is the YAML file.
#include "recipe/load.h"
#include "tests/fuzz/fuzz.h"

using llmops::fuzz::require;
using llmops::fuzz::returns;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = llmops::fuzz::text_of(data, size);
  std::vector<std::string> overrides;
  while (text.starts_with('@')) {
    const std::string_view line = text.substr(1, text.find('\n') - 1);
    overrides.emplace_back(line);
    text.remove_prefix(std::min(line.size() + 2, text.size()));
  }
  const std::string path = llmops::fuzz::file_of("recipe.yaml", text);
  for (const std::string& typed : overrides) {
    const std::vector<llmops::config::TypedText> texts{{"logging.run_name", typed}};
    const auto named = llmops::recipe::load_recipe("quickstart", {}, texts);
    require(!named.problems.empty() || named.recipe.logging.run_name == typed, typed);
  }
  llmops::recipe::LoadedRecipe loaded;
  if (!returns([&] { loaded = llmops::recipe::load_recipe(path, overrides); })) return 0;
  for (const std::string& line : loaded.problems.lines()) {
    require(llmops::printable(line) == line, line);
  }
  if (!loaded.problems.empty()) return 0;
  const std::string resolved = llmops::fuzz::file_of("resolved.yaml", loaded.resolved);
  const auto again = llmops::recipe::load_recipe(resolved);
  require(again.problems.empty(), "a resolved recipe is sound");
  require(again.identity.settings_digest() == loaded.identity.settings_digest(),
          "a resolved recipe is the same recipe");
  return 0;
}
