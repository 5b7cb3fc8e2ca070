#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "command/arguments.h"
#include "command/commands.h"
#include "command/terminal.h"
#include "command/train_setup.h"
#include "config/keys.h"
#include "config/write_yaml.h"
#include "recipe/reference.h"
#include "recipe/shipped.h"

namespace llmops::command {

namespace {

ExitCode list(bool json, std::FILE* out) {
  Json array = Json::array();
  for (const recipe::Shipped& shipped : recipe::shipped_recipes()) {
    if (json) {
      array.push(Json().set("name", shipped.name).set("summary", shipped.summary()));
    } else {
      fmt::print(out, "{:<22}{}\n", shipped.name, shipped.summary());
    }
  }
  if (json) fmt::print(out, "{}\n", array.dump(2));
  return ExitCode::kOk;
}

Action define_list(CLI::App& app, const Invocation& invocation) {
  const auto json = std::make_shared<bool>(false);
  app.add_flag("--json", *json, "An array of objects");
  return [json, &invocation] { return list(*json, invocation.out); };
}

struct ShowOptions {
  RecipeArguments recipe;
  bool plain = false, json = false;
};

ExitCode show(const ShowOptions& options, const Invocation& invocation) {
  const recipe::LoadedRecipe loaded = load_checked(options.recipe, invocation);
  if (options.plain) {
    fmt::print(invocation.out, "{}", loaded.resolved);
  } else if (!options.json) {
    const config::Fields fields = config::fields_of(loaded.recipe);
    fmt::print(invocation.out, "{}", config::write_yaml_with_origins(fields, loaded.origins));
  } else {
    Json params = Json::object(), origins = Json::object();
    for (const auto& [key, value] : loaded.params) params.set(key, value);
    for (const auto& [key, origin] : loaded.origins) origins.set(key, origin.location.text());
    const Json object = Json()
                            .set("recipe", loaded.path)
                            .set("identity", loaded.identity.settings_digest())
                            .set("params", params)
                            .set("origins", origins);
    fmt::print(invocation.out, "{}\n", object.dump(2));
  }
  return ExitCode::kOk;
}

Action define_show(CLI::App& app, const Invocation& invocation) {
  const auto options = std::make_shared<ShowOptions>();
  add_recipe_arguments(app, options->recipe);
  app.add_flag("--plain", options->plain, "Without the places of the values");
  app.add_flag("--json", options->json, "An object with params and origins");
  return [options, &invocation] { return show(*options, invocation); };
}

ExitCode validate(const RecipeArguments& arguments, const Invocation& invocation) {
  const recipe::LoadedRecipe loaded = load_checked(arguments, invocation);
  fmt::print(invocation.out, "{}: ok\n", printable(loaded.path));
  return ExitCode::kOk;
}

Action define_validate(CLI::App& app, const Invocation& invocation) {
  const auto arguments = std::make_shared<RecipeArguments>();
  add_recipe_arguments(app, *arguments);
  return [arguments, &invocation] { return validate(*arguments, invocation); };
}

struct CopyOptions {
  std::string name, destination;
};

ExitCode copy(const CopyOptions& options, const Invocation& invocation) {
  const recipe::Shipped* shipped = recipe::find_shipped(options.name);
  if (shipped == nullptr) {
    throw Error(ExitCode::kNotFound, fmt::format("no such recipe: {}", printable(options.name)))
        .hint("see llmops recipe list");
  }
  if (options.destination == "-") {
    fmt::print(invocation.out, "{}", shipped->text);
    return ExitCode::kOk;
  }
  const std::string path = is_directory(options.destination)
                               ? join_path(options.destination, options.name + ".yaml")
                               : options.destination;
  const std::string folder = parent_path(path);
  if (!is_directory(folder)) throw usage_error("no such folder: {}", folder);
  if (path_exists(path)) throw usage_error("{} exists", path).hint("name another file");
  FileWriter file(path);
  file.write(shipped->text);
  file.close();
  tell(invocation.err, "wrote {}\n", printable(path));
  return ExitCode::kOk;
}

Action define_copy(CLI::App& app, const Invocation& invocation) {
  const auto options = std::make_shared<CopyOptions>();
  app.add_option("NAME", options->name, "A name of llmops recipe list")->required();
  app.add_option("FILE", options->destination, "File or folder to write; - for the standard output")
      ->required();
  return [options, &invocation] { return copy(*options, invocation); };
}

Action define_schema(CLI::App& app, const Invocation& invocation) {
  struct Options {
    bool markdown = false, keys = false;
  };
  const auto options = std::make_shared<Options>();
  app.add_flag("--markdown", options->markdown, "The reference of all keys (docs/recipe-keys.md)");
  app.add_flag("--keys", options->keys, "The names of all keys, one a line");
  return [options, &invocation] {
    if (options->markdown) {
      fmt::print(invocation.out, "{}", recipe::reference_page());
    } else if (options->keys) {
      for (const config::Key& key : recipe::recipe_keys()) {
        if (key.kind != config::Key::Kind::kValue) continue;
        fmt::print(invocation.out, "{}\n", config::example_path(key.path));
      }
    } else {
      fmt::print(invocation.out, "{}\n", recipe::schema().dump(2));
    }
    return ExitCode::kOk;
  };
}

Action define(CLI::App& app, const Invocation& invocation) {
  static constexpr Command kVerbs[] = {
      {"list", "Recipes that this program carries", define_list},
      {"show", "A recipe with every default and the place of each value", define_show},
      {"copy", "Write a carried recipe to a file", define_copy},
      {"validate", "Report every error in a recipe", define_validate},
      {"schema", "The JSON schema of recipes, or their reference", define_schema},
  };
  return define_verbs(app, invocation, kVerbs);
}

}  // namespace

Command recipe_command() {
  return {"recipe", "List, show, copy and check recipes", define};
}

}  // namespace llmops::command
