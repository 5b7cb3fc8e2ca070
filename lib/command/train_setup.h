#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arch/transformer_config.h"
#include "command/arguments.h"
#include "command/command.h"
#include "command/progress.h"
#include "data/dataset.h"
#include "plan/plan.h"
#include "recipe/load.h"

namespace llmops::command {

struct TrainOptions {
  RecipeArguments recipe;
  bool dry_run = false, quiet = false, json = false, no_record = false, profile = false;
  std::string resume = "never";  // never | auto | a checkpoint folder
  std::vector<std::string> allow_change, tags;
  std::string progress = "auto";
  std::string export_init, export_batches;  // diagnostics: see docs/training.md
  std::int64_t export_steps = 100;
};

// The data of a run as its plan needs it: counted, or estimated for a dry run.
struct DataSize {
  std::int64_t rows = 0, tokens = 0;                // of an epoch
  std::int64_t vocab_size = 0;                      // of the tokenizer
  const tokenizer::Tokenizer* tokenizer = nullptr;  // nullptr: still to be learned
};

// What follows from a recipe, its data and this machine before any work is done.
struct PlannedRun {
  arch::TransformerConfig config;
  plan::Machine machine;
  plan::Plan plan;
};

// All that a run needs before it begins, checked.
struct TrainSetup {
  recipe::LoadedRecipe loaded;
  std::unique_ptr<data::Dataset> dataset;
  PlannedRun planned;
  recipe::Identity identity;
  std::string output_dir;  // as the store keeps it: see record::real_path

  const recipe::Recipe& recipe() const { return loaded.recipe; }
};

// Reads the recipe with its overrides and, with model.path, the model there, whose files are
// checked up to their values. Throws Error(kUsage) with one line per problem.
recipe::LoadedRecipe load_checked(const RecipeArguments& arguments, const Invocation& invocation);

// Makes the plan of a run whose device is resolved. Throws Error(kUsage) when the tokenizer has
// more tokens than the model has rows, for a prompt of generate.prompts that the tokenizer cannot
// express or that leaves no room for an answer, and for what plan::make_plan refuses.
PlannedRun plan_run(const recipe::Recipe& recipe, const DataSize& data);
// Throws Error(kOutOfMemory) when the plan does not fit into the memory of the machine.
void require_memory(const PlannedRun& run, const recipe::Recipe& recipe);

// Reads and tokenizes the data, makes the plan and checks that its memory is there. The device of
// the recipe is resolved.
TrainSetup set_up(recipe::LoadedRecipe loaded, Progress& progress);

// Throws Error(kStorage) when output_dir cannot be written or is too small for the checkpoints.
// Call it once the folder is final: a resumed run keeps its own folder.
void require_space(const TrainSetup& setup);

}  // namespace llmops::command
