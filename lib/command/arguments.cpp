#include "command/arguments.h"

#include <CLI/CLI.hpp>

namespace llmops::command {

void add_recipe_arguments(CLI::App& app, RecipeArguments& arguments) {
  app.add_option("RECIPE", arguments.recipe, "Recipe file, or a name of llmops recipe list")
      ->required();
  const auto append = [&arguments](const std::string& word) {
    arguments.overrides.push_back(word);
  };
  app.add_option_function<std::vector<std::string>>(
         "OVERRIDES",
         [append](const std::vector<std::string>& words) {
           for (const std::string& word : words) append(word);
         },
         "Settings laid on the recipe, as in optimizer.learning_rate=3e-4")
      ->type_name("KEY=VALUE");
  app.add_option_function<std::vector<std::string>>(
         "--set",
         [append](const std::vector<std::string>& words) {
           for (const std::string& word : words) append(word);
         },
         "The same, for scripts; after the bare ones")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
}

}  // namespace llmops::command
