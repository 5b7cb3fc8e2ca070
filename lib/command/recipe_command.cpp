#include "command/recipe_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace llmops::command {

namespace {

Action define_list(CLI::App&, const Invocation& invocation) {
  return [&invocation] {
    fmt::print(invocation.out, "\n");
    return ExitCode::kOk;
  };
}

Action define(CLI::App& app, const Invocation& invocation) {
  static constexpr Command kVerbs[] = {
      {"list", "Recipes that this program carries", define_list},
  };
  return define_verbs(app, invocation, kVerbs);
}

}  // namespace

Command recipe_command() {
  return {"recipe", "Read, check and copy recipes", define};
}

}  // namespace llmops::command
