#include "recipe/base_model.h"

#include "base/file.h"
#include "tests/catch.h"
#include "tests/temporary_directory.h"
#include "tests/unit/arch/configs.h"
#include "tests/unit/recipe/sound.h"

namespace llmops::recipe {

namespace {

using Lines = std::vector<std::string>;

struct Loader {
  TemporaryDirectory directory;

  // A sound recipe that starts from a model, with these overrides.
  LoadedRecipe operator()(const arch::TransformerConfig& base, Lines overrides) const {
    overrides.push_back("model.path=base");
    write_file_durably(directory.file("r.yaml"), kSound);
    LoadedRecipe loaded = load_recipe(directory.file("r.yaml"), overrides);
    REQUIRE(loaded.problems.lines() == Lines{});
    take_base_model(loaded, base, "base/config.json");
    return loaded;
  }
};

arch::TransformerConfig llama3() {
  arch::TransformerConfig config = arch::small_llama();
  config.rope_theta = 500000;
  config.max_positions = 512;
  config.vocab_size = 300;
  config.eos_token_id = 3;
  return config;
}

}  // namespace

TEST_CASE("a run that starts from a model computes as that model does") {
  const Loader load;
  arch::TransformerConfig exact_gelu = arch::small_gpt2();
  exact_gelu.max_positions = 256;
  exact_gelu.activation = arch::Activation::kGelu;
  exact_gelu.norm_eps = 1e-6;
  arch::TransformerConfig window = arch::small_mistral();
  window.max_positions = 300;
  for (arch::TransformerConfig base : {llama3(), exact_gelu, window}) {
    base.dropout = 0.25;
    LoadedRecipe loaded = load(base, {});
    CHECK(loaded.problems.empty());
    base.dropout = 0;  // the recipe's
    CHECK(model_config(loaded.recipe, 5) == base);
    CHECK(model_config(load(base, {"model.config.dropout=0.5"}).recipe, 5).dropout == 0.5);
  }
}

TEST_CASE("keys that contradict the model are refused, equal ones are not") {
  const Loader load;
  CHECK(load(llama3(), {"model.arch=llama", "model.config.rope_theta=5e5",
                        "model.config.hidden_size=8", "model.config.bias=false"})
            .problems.empty());
  CHECK(load(llama3(), {"model.arch=mistral", "model.config.rope_theta=10000",
                        "model.config.num_hidden_layers=3", "model.config.bias=true",
                        "data.max_seq_length=513"})
            .problems.lines() ==
        Lines{"command line: model.arch: is \"mistral\", the model of model.path has \"llama\"; "
              "leave it out",
              "command line: model.config.num_hidden_layers: is 3, the model of model.path has 2; "
              "leave it out",
              "command line: model.config.bias: is true, the model of model.path has false; leave "
              "it out",
              "command line: model.config.rope_theta: is 10000.0, the model of model.path has "
              "500000.0; leave it out",
              "command line: data.max_seq_length: 513 is more than the 512 tokens that the model "
              "of model.path takes"});
}

TEST_CASE("what a run records is the model's shape, and reads back") {
  const Loader load;
  const LoadedRecipe loaded = load(llama3(), {});
  const auto theta = std::find_if(loaded.params.begin(), loaded.params.end(), [](const auto& p) {
    return p.first == "model.config.rope_theta";
  });
  REQUIRE(theta != loaded.params.end());
  CHECK(theta->second == Json(500000.0));
  CHECK(*loaded.identity.settings.find("model.config.hidden_size") == Json(8));
  CHECK(loaded.origins.at("model.config.hidden_size").location.text() == "base/config.json");
  CHECK_FALSE(loaded.origins.contains("model.config.dropout"));

  write_file_durably(load.directory.file("resolved.yaml"), loaded.resolved);
  LoadedRecipe again = load_recipe(load.directory.file("resolved.yaml"));
  take_base_model(again, llama3(), "base/config.json");
  CHECK(again.problems.lines() == Lines{});
  CHECK(again.identity.settings_digest() == loaded.identity.settings_digest());
}

TEST_CASE("a model with some of the biases has no value for the key") {
  const Loader load;
  arch::TransformerConfig base = llama3();
  base.attention_bias = true;
  const LoadedRecipe loaded = load(base, {});
  CHECK_FALSE(loaded.recipe.model.config.bias);
  CHECK(model_config(loaded.recipe, 5) == base);
  CHECK(load(base, {"model.config.bias=true"}).problems.count() == 1);
}

}  // namespace llmops::recipe
