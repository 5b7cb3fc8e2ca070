#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/overrides.h"
#include "config/visitor.h"
#include "engine/engine.h"

namespace CLI {
class App;
}

namespace llmops::command {

// What names a recipe on a command line, for every command that reads one.
struct RecipeArguments {
  std::string recipe;                    // a file, or the name of a shipped recipe
  std::vector<std::string> overrides;    // "key=value": bare ones, then those of --set
  std::vector<config::TypedText> texts;  // of options that set a key, such as --name
};

// Checks of an option by the rule of a key, in the words of recipes: ->check(number(above(0))).
using Check = std::function<std::string(const std::string&)>;
Check whole_number(config::Rule rule);
Check number(config::Rule rule);
Check line(config::Rule rule);

// Declares --progress and --quiet, for a command that works for a while.
void add_progress_options(CLI::App& app, std::string& mode, bool& quiet);

// Declares --device, --precision and --threads, for a command that loads a model.
void add_compute_options(CLI::App& app, engine::LoadOptions& options);

// Declares RECIPE [KEY=VALUE…] [--set KEY=VALUE]. `arguments` must outlive the parsing.
void add_recipe_arguments(CLI::App& app, RecipeArguments& arguments);

}  // namespace llmops::command
