#include "command/train_setup.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/resources.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "command/build_commit.h"
#include "command/device.h"
#include "command/model_argument.h"
#include "config/environment.h"
#include "data/train_tokenizer.h"
#include "engine/engine.h"
#include "recipe/base_model.h"
#include "recipe/model_config.h"
#include "weights/shard_index.h"
#include "weights/weight_files.h"

namespace llmops::command {

namespace {

// Of the checkpoints in the folder: a run that goes on replaces them.
std::uint64_t checkpoint_bytes_in(const std::string& folder) {
  std::uint64_t bytes = 0;
  for (const checkpoint::Found& found : checkpoint::list_checkpoints(folder)) {
    try {
      for (const auto& [name, file] : checkpoint::read_manifest(found.path).files) {
        bytes += file.bytes;
      }
    } catch (const Error&) {  // not one of ours, which pruning leaves alone
    }
  }
  return bytes;
}

std::string digest_of(const std::map<std::string, std::string>& parts) {
  std::string text;
  for (const auto& [name, digest] : parts) text += name + "=" + digest + "\n";
  return sha256(text);
}

// Of the one file, or of all shards; compared with the folder's manifest.
std::string digest_of_weights(const std::string& folder) {
  const checkpoint::ManifestCheck manifest(folder);
  std::map<std::string, std::string> files;
  for (const std::string& name : weights::weight_file_names(folder)) {
    files[name] = sha256_file(join_path(folder, name));
    manifest.require(name, files[name]);
  }
  return files.size() == 1 ? files.begin()->second : digest_of(files);
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

}  // namespace

recipe::LoadedRecipe load_checked(const RecipeArguments& arguments, const Invocation& invocation) {
  recipe::LoadedRecipe loaded =
      recipe::load_recipe(arguments.recipe, arguments.overrides, arguments.texts);
  loaded.require_sound();
  auto& path = loaded.recipe.model.path;
  if (!path) return loaded;
  path = model_folder(invocation, *path);
  checkpoint::ManifestCheck(*path).require("config.json");
  const arch::TransformerConfig base = arch::load_hf_config(*path);
  loaded.recipe.model.base_bf16 = weights::WeightFiles::open_folder(*path, base).bf16_parameters();
  recipe::take_base_model(loaded, base, join_path(*path, "config.json"));
  loaded.require_sound();
  return loaded;
}

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

void require_space(const TrainSetup& setup) {
  require_writable_folder(absolute_path(setup.recipe().output_dir));
  plan::check_disk(setup.plan, setup.recipe(), this_machine(setup.recipe()));
}

TrainSetup set_up(const TrainOptions& options, const Invocation& invocation, Progress& progress) {
  TrainSetup setup;
  setup.loaded = load_checked(options.recipe, invocation);
  recipe::Recipe& recipe = setup.loaded.recipe;
  setup.output_dir = stored_output_dir(setup.loaded);
  recipe.train.device = resolve_device(recipe.train.device);
  // Tokenizing may take hours. A tokenizer that needs no training is known before it.
  if (const auto tokenizer = data::fixed_tokenizer(recipe.tokenizer)) {
    const auto config = recipe::unchecked_model_config(recipe, tokenizer->vocab_size());
    check_prompts(recipe, config.max_positions, *tokenizer);
  }
  setup.dataset = data::prepare(recipe, [&progress](const data::PrepareProgress& p) {
    progress.phase(p.what, p.done, p.total);
  });
  setup.config = recipe::model_config(recipe, setup.dataset->tokenizer().vocab_size());
  check_vocabulary(recipe, setup.config, setup.dataset->tokenizer().vocab_size());
  check_prompts(recipe, setup.config.max_positions, setup.dataset->tokenizer());
  if (const auto eos = setup.dataset->tokenizer().eos()) setup.config.eos_token_id = *eos;
  setup.machine = this_machine(recipe);
  const auto rows = setup.dataset->train_batches();
  setup.plan = plan::make_plan(recipe, setup.config, rows->rows_per_epoch(),
                               rows->tokens_per_epoch(), setup.machine);
  if (recipe.train.device == "cpu") {
    plan::check_fits(setup.plan, recipe, setup.config, setup.machine);
  }
  setup.digests = {{"recipe", setup.loaded.digest},
                   {"data", setup.dataset->digest()},
                   {"tokenizer", setup.dataset->tokenizer().digest()}};
  if (recipe.model.path) {
    setup.digests["base_weights"] = digest_of_weights(*recipe.model.path);
    setup.digests["base_config"] = sha256(arch::write_hf_config(*recipe.model.base).dump());
  }
  setup.identity = digest_of(setup.digests);
  setup.digests["code"] = build_commit();
  return setup;
}

Json TrainSetup::identity_json() const {
  Json json = loaded.identity;
  for (const auto& [name, digest] : digests) {
    if (name != "recipe" && name != "code") json.set("digest." + name, digest);
  }
  return json;
}

}  // namespace llmops::command
