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
      {"gpt2-124m", "bc83302b26927c24d0379fde2b8dd6b9b283329c55c6f8973acd454c45b8b1c3"},
      {"llama-150m", "303df2d57348d0b0964fed4eff4b9fde2a11044bf055e4e8a95206880c465195"},
      {"llama-1b", "3dddaa7e6d9489f6ea0dffb248a6baf92448182c8be0c62409d5507cf591af11"},
      {"quickstart", "53cff513721d8c44ff86ec45324bbacfded8cd97c3ef3c8003b13604b2f17b1d"},
      {"shakespeare-char-cpu", "c0c7d9ac37c1198b69aa9094a8810819ddb83e34ee4f6437f30e07e91091bb8e"},
      {"shakespeare-char-gpu", "aa73a80ad19607cb6592c324d57fb350463a8cdbacd240e1dbfa616f708dd476"}};
  for (const Shipped& shipped : shipped_recipes()) {
    INFO(shipped.name);
    REQUIRE(pinned.contains(shipped.name));
    const LoadedRecipe loaded = load_recipe(std::string(shipped.name));
    INFO(loaded.identity.settings.dump(2));
    CHECK(loaded.identity.settings_digest() == pinned.at(shipped.name));
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
