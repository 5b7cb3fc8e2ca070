#include "command/train_setup.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/resources.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "command/arguments.h"
#include "config/environment.h"
#include "data/train_tokenizer.h"
#include "engine/engine.h"
#include "recipe/base_model.h"
#include "recipe/model_config.h"
#include "weights/shard_index.h"
#include "weights/weight_files.h"

namespace llmops::command {

namespace {

// Returns the bytes of the checkpoints in the folder, which a resumed run replaces.
std::uint64_t checkpoint_bytes_in(const std::string& folder) {
  std::uint64_t bytes = 0;
  for (const checkpoint::ListedCheckpoint& found : checkpoint::list_checkpoints(folder)) {
    if (!found.manifest) continue;  // pruning does not remove it
    for (const auto& [name, file] : found.manifest->files) bytes += file.bytes;
  }
  return bytes;
}

// Of the one file, or of all shards; compared with the folder's manifest.
std::string digest_of_weights(const std::string& folder) {
  const checkpoint::ManifestCheck manifest(folder);
  std::map<std::string, std::string> files;
  for (const std::string& name : weights::weight_file_names(folder)) {
    files[name] = sha256_file(join_path(folder, name));
    manifest.require(name, files[name]);
  }
  return files.size() == 1 ? files.begin()->second : recipe::digest_of(files);
}

// The output folder as an absolute path whose references to the environment stay as written.
std::string stored_output_dir(const recipe::LoadedRecipe& loaded) {
  const std::string& real = loaded.recipe.output_dir;
  const auto origin = loaded.origins.find("output_dir");
  if (origin == loaded.origins.end() || !origin->second.given.is_string()) {
    return config::escape_environment(absolute_path(real));
  }
  const std::string& written = origin->second.given.as_string();
  if (real.starts_with('/')) return written;
  return join_path(config::escape_environment(absolute_path(".")), written);
}

// Throws when the tokenizer has more tokens than the model has rows.
void check_vocabulary(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
                      std::int64_t tokenizer_vocab_size) {
  if (tokenizer_vocab_size <= config.vocab_size) return;
  if (recipe.model.path) {
    throw usage_error("the tokenizer has {} tokens, the model of model.path has embeddings for {}",
                      tokenizer_vocab_size, config.vocab_size)
        .hint("train with its own: tokenizer.type=file and tokenizer.path");
  }
  throw usage_error("the tokenizer has {} tokens, model.config.vocab_size is {}",
                    tokenizer_vocab_size, config.vocab_size)
      .hint("leave model.config.vocab_size out to take the tokenizer's size");
}

// Throws for a prompt that the tokenizer cannot express or that leaves no room for an answer.
void check_prompts(const recipe::Recipe& recipe, std::int64_t max_positions,
                   const tokenizer::Tokenizer& tokenizer) {
  const std::vector<std::string>& prompts = recipe.generate.prompts;
  const std::int64_t used = std::min<std::int64_t>(recipe.generate.count, std::ssize(prompts));
  for (std::int64_t i = 0; i < used; ++i) {
    std::vector<tokenizer::TokenId> ids;
    try {
      tokenizer.encode(prompts[static_cast<std::size_t>(i)], ids);
    } catch (const Error& error) {
      throw usage_error("generate.prompts.{}: {}", i, error.what());
    }
    if (std::ssize(ids) >= max_positions) {
      throw usage_error("generate.prompts.{}: {} tokens, and the model takes {} with the answer", i,
                        ids.size(), max_positions)
          .hint(recipe.model.path ? "shorten it; the model in model.path takes no more"
                                  : "shorten it or raise model.config.max_position_embeddings");
    }
  }
}

// The processor, memory and disk that a run into `output_dir` can use.
plan::Machine this_machine(const recipe::Recipe& recipe) {
  plan::Machine machine;
  machine.cores = available_cores();
  machine.bf16 = recipe.train.device == "cuda" || cpu_has_bf16();
  machine.available_memory = static_cast<std::int64_t>(memory_status().available_bytes);
  machine.amx = recipe.train.device != "cuda" && cpu_has_amx();
  machine.free_disk =
      static_cast<std::int64_t>(free_bytes(nearest_existing(absolute_path(recipe.output_dir))) +
                                checkpoint_bytes_in(recipe.output_dir));
  return machine;
}

}  // namespace

recipe::LoadedRecipe load_checked(const RecipeArguments& arguments, const Invocation& invocation) {
  recipe::LoadedRecipe loaded =
      recipe::load_recipe(arguments.recipe, arguments.overrides, arguments.texts);
  loaded.require_sound();
  auto& path = loaded.recipe.model.path;
  if (!path) return loaded;
  path = model_folder(invocation, *path);
  checkpoint::ManifestCheck(*path).require(checkpoint::kConfigFile);
  const arch::TransformerConfig base = arch::load_hf_config(*path);
  loaded.recipe.model.base_bf16 = weights::WeightFiles::open_folder(*path, base).bf16_parameters();
  recipe::take_base_model(loaded, base, join_path(*path, checkpoint::kConfigFile));
  loaded.require_sound();
  return loaded;
}

PlannedRun plan_run(const recipe::Recipe& recipe, const DataSize& data) {
  PlannedRun run;
  run.config = recipe::model_config(recipe, data.vocab_size);
  check_vocabulary(recipe, run.config, data.vocab_size);
  if (data.tokenizer != nullptr) {
    check_prompts(recipe, run.config.max_positions, *data.tokenizer);
    if (const auto eos = data.tokenizer->eos()) run.config.eos_token_id = *eos;
  }
  run.machine = this_machine(recipe);
  run.plan = plan::make_plan(recipe, run.config, data.rows, data.tokens, run.machine);
  return run;
}

void require_memory(const PlannedRun& run, const recipe::Recipe& recipe) {
  if (recipe.train.device != "cpu") return;  // the plan counts main memory, not that of a GPU
  plan::check_fits(run.plan, recipe, run.config, run.machine);
}

TrainSetup set_up(recipe::LoadedRecipe loaded, Progress& progress) {
  TrainSetup setup;
  setup.output_dir = stored_output_dir(loaded);
  setup.loaded = std::move(loaded);
  const recipe::Recipe& recipe = setup.recipe();
  // Tokenizing may take hours: prompts are checked before it where the tokenizer is known.
  if (const auto tokenizer = data::fixed_tokenizer(recipe.tokenizer)) {
    const auto config = recipe::unchecked_model_config(recipe, tokenizer->vocab_size());
    check_prompts(recipe, config.max_positions, *tokenizer);
  }
  setup.dataset = data::prepare(recipe, [&progress](const data::PrepareProgress& p) {
    progress.phase(p.what, p.done, p.total);
  });
  const tokenizer::Tokenizer& tokenizer = setup.dataset->tokenizer();
  const auto rows = setup.dataset->train_batches();
  setup.planned = plan_run(recipe, {rows->rows_per_epoch(), rows->tokens_per_epoch(),
                                    tokenizer.vocab_size(), &tokenizer});
  require_memory(setup.planned, recipe);
  setup.identity = setup.loaded.identity;
  setup.identity.inputs = {{"data", setup.dataset->digest()}, {"tokenizer", tokenizer.digest()}};
  if (recipe.model.path) {
    setup.identity.inputs["base_weights"] = digest_of_weights(*recipe.model.path);
    setup.identity.inputs["base_config"] = sha256(arch::write_hf_config(*recipe.model.base).dump());
  }
  return setup;
}

void require_space(const TrainSetup& setup) {
  require_writable_folder(absolute_path(setup.recipe().output_dir));
  plan::check_disk(setup.planned.plan, setup.recipe(), this_machine(setup.recipe()));
}

}  // namespace llmops::command
