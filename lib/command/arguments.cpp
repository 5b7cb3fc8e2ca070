#include "command/arguments.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "base/text.h"
#include "config/value.h"

namespace llmops::command {

namespace {

template <typename Value>
Check check_by(config::Rule rule) {
  return [rule = std::move(rule)](const std::string& text) {
    if (invalid_utf8(text)) return std::string("not valid UTF-8");
    config::Node node;
    node.kind = config::Node::Kind::kScalar;
    node.text = text;
    Value value{};
    std::string problem;
    config::assign(config::FieldRef(&value), node, rule,
                   [&problem](const config::Node&, std::string_view message, std::string_view) {
                     problem = message;
                   });
    return problem;
  };
}

}  // namespace

Check whole_number(config::Rule rule) {
  return check_by<std::int64_t>(std::move(rule));
}

Check number(config::Rule rule) {
  return check_by<double>(std::move(rule));
}

Check line(config::Rule rule) {
  return check_by<std::string>(std::move(rule));
}

void add_progress_options(CLI::App& app, std::string& mode, bool& quiet) {
  app.add_option("--progress", mode,
                 "What stderr shows: one live line, lines, JSON objects, or nothing;\n"
                 "auto is line on a terminal, else lines")
      ->check(CLI::IsMember({"auto", "line", "lines", "json", "none"}))
      ->capture_default_str();
  app.add_flag("-q,--quiet", quiet, "The same as --progress none");
}

void add_compute_options(CLI::App& app, engine::LoadOptions& options) {
  app.add_option("--device", options.device, "Where to compute")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--precision", options.precision, "Numbers to compute with; auto is fp32")
      ->check(CLI::IsMember({"auto", "fp32", "bf16"}))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Processor threads; 0 = all cores")
      ->check(whole_number(config::between(0, 1024)))
      ->capture_default_str();
}

void add_recipe_arguments(CLI::App& app, RecipeArguments& arguments) {
  app.add_option("RECIPE", arguments.recipe, "Recipe file, or a name of llmops recipe list")
      ->required();
  const auto append = [&arguments](const std::string& word) {
    arguments.overrides.push_back(word);
  };
  app.add_option_function<std::vector<std::string>>(
      "KEY=VALUE",
      [append](const std::vector<std::string>& words) {
        for (const std::string& word : words) append(word);
      },
      "Settings laid on the recipe, as in optimizer.learning_rate=3e-4");
  app.add_option_function<std::vector<std::string>>(
         "--set",
         [append](const std::vector<std::string>& words) {
           for (const std::string& word : words) append(word);
         },
         "The same, for scripts; laid on after the bare ones")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
}

}  // namespace llmops::command
