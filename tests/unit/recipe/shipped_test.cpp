#include "recipe/shipped.h"

#include "arch/transformer_config.h"
#include "recipe/load.h"
#include "tests/catch.h"

namespace llmops::recipe {

namespace {

double parameters(const std::string& name, std::int64_t vocabulary) {
  return static_cast<double>(model_config(load_recipe(name).recipe, vocabulary).parameter_count());
}

}  // namespace

TEST_CASE("every carried recipe is sound, complete in itself and has a summary") {
  CHECK(shipped_recipes().size() == 6);
  for (const Shipped& shipped : shipped_recipes()) {
    INFO(shipped.name);
    const LoadedRecipe loaded = load_recipe(std::string(shipped.name));
    CHECK(loaded.problems.lines() == std::vector<std::string>{});
    CHECK_FALSE(shipped.summary().empty());
    CHECK(shipped.text.find("extends") == std::string_view::npos);
    CHECK(loaded.recipe.output_dir == "out/" + std::string(shipped.name));
  }
  CHECK(find_shipped("none") == nullptr);
}

TEST_CASE("the recipes have the sizes that their names say") {
  CHECK(parameters("gpt2-124m", 50257) == 124439808);
  CHECK(parameters("llama-150m", 32000) == Approx(150e6).epsilon(0.02));
  CHECK(parameters("llama-1b", 32000) == Approx(1.1e9).epsilon(0.02));
  CHECK(parameters("quickstart", 512) == Approx(1e6).epsilon(0.1));
  // nanoGPT prints these counts without positions.
  CHECK(parameters("shakespeare-char-cpu", 65) - 64 * 128 == 795904);
  CHECK(parameters("shakespeare-char-gpu", 65) - 256 * 384 == 10646784);
}

TEST_CASE("the Shakespeare recipes are nanoGPT's settings") {
  const Recipe r = load_recipe("shakespeare-char-gpu").recipe;
  CHECK(r.model.config.dropout == 0.2);
  CHECK(r.data.max_seq_length == 256);
  CHECK(r.train.micro_batch_size == 64);
  CHECK(r.train.max_steps == 5000);
  CHECK(r.optimizer.learning_rate == 1e-3);
  CHECK(r.optimizer.betas == std::vector<double>{0.9, 0.99});
  CHECK(r.optimizer.weight_decay == 0.1);
  CHECK(r.lr_scheduler.warmup_steps == 100);
  CHECK(r.lr_scheduler.min_lr_ratio == 0.1);
  CHECK(r.train.max_grad_norm == 1.0);
  CHECK(r.data.eval_split == 0.1);
  const Recipe cpu = load_recipe("shakespeare-char-cpu").recipe;
  CHECK(cpu.train.micro_batch_size == 12);
  CHECK(cpu.train.max_steps == 2000);
  CHECK(cpu.data.max_seq_length == 64);
  CHECK(cpu.model.config.dropout == 0);
}

}  // namespace llmops::recipe
