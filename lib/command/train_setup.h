#pragma once

#include <map>
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

// All that a run needs before it begins, checked.
struct TrainSetup {
  recipe::LoadedRecipe loaded;
  std::unique_ptr<data::Dataset> dataset;
  arch::TransformerConfig config;
  plan::Machine machine;
  plan::Plan plan;
  std::map<std::string, std::string> digests;  // component -> sha256
  std::string identity;                        // of all of them but the program's
  std::string output_dir;                      // as the store keeps it: see record::real_path

  const recipe::Recipe& recipe() const { return loaded.recipe; }
  // What a checkpoint remembers of the run's identity: that of the recipe, and the digests of what
  // the run reads as "digest.NAME".
  Json identity_json() const;
};

// The recipe with its overrides and, with model.path, the model there, whose files are checked up
// to their values. Throws Error(kUsage) with one line per problem.
recipe::LoadedRecipe load_checked(const RecipeArguments& arguments, const Invocation& invocation);
// Throws when the tokenizer has more tokens than the model has rows.
void check_vocabulary(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
                      std::int64_t tokenizer_vocab_size);
// Throws Error(kUsage) for a prompt of generate.prompts that the tokenizer cannot express or that
// leaves no room for an answer.
void check_prompts(const recipe::Recipe& recipe, std::int64_t max_positions,
                   const tokenizer::Tokenizer& tokenizer);
// The processor, memory and disk that a run into `output_dir` can use.
plan::Machine this_machine(const recipe::Recipe& recipe);

// Throws Error(kStorage) when output_dir cannot be written or is too small for the checkpoints. For
// the folder that the run has in the end: a run that goes on keeps its own.
void require_space(const TrainSetup& setup);

// Reads and tokenizes the data, makes the plan and checks that its memory is there.
TrainSetup set_up(const TrainOptions& options, const Invocation& invocation, Progress& progress);

}  // namespace llmops::command
