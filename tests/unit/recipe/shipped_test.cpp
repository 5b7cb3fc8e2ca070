#include "recipe/shipped.h"

#include <map>

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

// Whoever trains one of these with the next version of this program must be able to resume. A key
// that is added leaves its default out of the identity, so that these digests stay.
TEST_CASE("the identity of every carried recipe stays as it is") {
  const std::map<std::string_view, std::string> pinned{
      {"gpt2-124m", "f37f289ef51b1d1b18d940bc191a5c6bcaf6a5f0d91696eaa333c7d608e43153"},
      {"llama-150m", "303df2d57348d0b0964fed4eff4b9fde2a11044bf055e4e8a95206880c465195"},
      {"llama-1b", "9e1c6e6dffc9b112e229767c9bad8dde520135eaf55b5193059e6385416f790c"},
      {"quickstart", "5faf02f2551882ebffc70e0aa3c017e6881d0fa43ffe099445ebd425834d1365"},
      {"shakespeare-char-cpu", "a7f749a0727a4946f2e63a2960c4c50a2005e27a68f1eadf06ff7140bbebea00"},
      {"shakespeare-char-gpu", "456820dd97da59aa2bd5d284b282ac228d8c812aad506f91288e2e11ee7526a6"}};
  for (const Shipped& shipped : shipped_recipes()) {
    INFO(shipped.name);
    REQUIRE(pinned.contains(shipped.name));
    const LoadedRecipe loaded = load_recipe(std::string(shipped.name));
    INFO(loaded.identity.dump(2));
    CHECK(loaded.digest == pinned.at(shipped.name));
  }
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
