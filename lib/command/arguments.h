#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "command/command.h"
#include "config/overrides.h"
#include "config/visitor.h"
#include "engine/engine.h"
#include "store/store.h"
#include "tokenizer/tokenizer.h"

// Arguments and options that several commands share, and what they mean.
namespace llmops::command {

// Checks of an option by the rule of a key, in the words of recipes: ->check(number(above(0))).
using Check = std::function<std::string(const std::string&)>;
Check whole_number(config::Rule rule);
Check number(config::Rule rule);
Check line(config::Rule rule);

// What names a recipe, for every command that reads one.
struct RecipeArguments {
  std::string recipe;                    // a file, or the name of a shipped recipe
  std::vector<std::string> overrides;    // "key=value": bare ones, then those of --set
  std::vector<config::TypedText> texts;  // of options that set a key, such as --name
};
// Declares RECIPE [KEY=VALUE…] [--set KEY=VALUE]. `arguments` must outlive the parsing.
void add_recipe_arguments(CLI::App& app, RecipeArguments& arguments);

// Declares --progress and --quiet, for a command that works for a while.
void add_progress_options(CLI::App& app, std::string& mode, bool& quiet);

// Declares --device, --precision and --threads, for a command that loads a model.
void add_compute_options(CLI::App& app, engine::LoadOptions& options);
// Returns "cpu" or "cuda" for train.device and --device: auto takes CUDA when a device answers.
// Throws Error(kFailed) when cuda is wanted and there is none.
std::string resolve_device(const std::string& wanted);

// Opens the store of a command that reads; Error(kNotFound) when there is none. Warns on err when
// it was made by a newer llmops.
store::Store open_store(const Invocation& invocation);

// What a MODEL argument may be, for the help text.
inline constexpr const char* kModelHelp =
    "Checkpoint, output folder, Hugging Face folder, or a run:\n"
    "name, id, @last, @best:-METRIC";
// Returns the folder that a MODEL argument means: a checkpoint or Hugging Face folder, or the
// latest checkpoint of an output folder. What is not a path names a run of the store and means its
// latest checkpoint; a run of `eval` means the model it scored. Throws Error(kNotFound) when there
// is none.
std::string model_folder(const Invocation& invocation, const std::string& argument);
// Reads the tokenizer of a model folder. Throws Error(kDamaged) when it is not the one of the
// folder's manifest.
std::unique_ptr<tokenizer::Tokenizer> load_tokenizer(const std::string& folder);
// Throws Error(kDamaged) when the tokenizer has ids that the model has no embedding for.
void check_tokenizer(const tokenizer::Tokenizer& tokenizer, const engine::Model& model,
                     const std::string& folder);

}  // namespace llmops::command
