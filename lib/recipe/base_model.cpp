#include "recipe/base_model.h"

#include <fmt/format.h>

#include <memory>

#include "arch/freeze.h"
#include "base/error.h"
#include "base/text.h"
#include "config/settings.h"

namespace llmops::recipe {

namespace {

ModelShape shape_of(const arch::TransformerConfig& base, double dropout) {
  ModelShape shape;
  shape.hidden_size = base.hidden_size;
  shape.num_hidden_layers = base.layers;
  shape.num_attention_heads = base.heads;
  shape.num_key_value_heads = base.kv_heads;
  shape.head_dim = base.head_dim;
  shape.intermediate_size = base.intermediate_size;
  shape.max_position_embeddings = base.max_positions;
  shape.vocab_size = base.vocab_size;
  shape.tie_word_embeddings = base.tied;
  // The recipe has one key for all biases; a model with only some of them leaves it unset.
  const bool norms_agree = base.norm == arch::Norm::kRmsNorm || base.norm_bias == base.mlp_bias;
  if (base.attention_bias == base.mlp_bias && norms_agree) shape.bias = base.mlp_bias;
  shape.norm_eps = base.norm_eps;
  shape.rope_theta = base.rope_theta;
  shape.sliding_window = base.sliding_window;
  shape.dropout = dropout;
  shape.initializer_range = base.initializer_range;
  return shape;
}

// Notes `source` as the origin of every setting of the model that was not given.
void note_origins(LoadedRecipe& loaded, const std::string& source) {
  config::SourceLocation location;
  location.source = std::make_shared<const config::Source>(config::Source{source, ""});
  for (const config::Setting& setting : config::settings(config::fields_of(loaded.recipe.model))) {
    const bool own = setting.key == "path" || setting.key == "config.dropout";
    if (own || setting.value.is_null()) continue;
    loaded.origins.try_emplace("model." + setting.key, config::Origin{location, {}, {}});
  }
}

}  // namespace

void take_base_model(LoadedRecipe& loaded, const arch::TransformerConfig& base,
                     const std::string& source) {
  Model& model = loaded.recipe.model;
  const auto given = config::settings(config::fields_of(model));
  model.arch = base.family;
  model.config = shape_of(base, model.config.dropout);
  model.base = base;
  const auto taken = config::settings(config::fields_of(model));
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string key = "model." + given[i].key;
    const auto origin = loaded.origins.find(key);
    if (origin == loaded.origins.end() || given[i].value == taken[i].value) continue;
    loaded.problems.add(origin->second.location, key,
                        fmt::format("is {}, the model of model.path has {}", given[i].value.dump(),
                                    taken[i].value.dump()),
                        "leave it out");
  }
  const std::int64_t length = loaded.recipe.data.max_seq_length;
  if (length > base.max_positions) {
    const char* key = "data.max_seq_length";
    const auto origin = loaded.origins.find(key);
    loaded.problems.add(
        origin == loaded.origins.end() ? config::SourceLocation{} : origin->second.location, key,
        fmt::format("{} is more than the {} tokens that the model of model.path takes", length,
                    base.max_positions));
  }
  if (!loaded.recipe.train.freeze.empty()) {
    const auto origin = loaded.origins.find("train.freeze");
    try {
      arch::frozen_layout(base, loaded.recipe.train.freeze);
    } catch (const Error& error) {
      loaded.problems.add(
          origin == loaded.origins.end() ? config::SourceLocation{} : origin->second.location,
          "train.freeze", error.what());
    }
  }
  note_origins(loaded, source);
  describe(loaded);
}

}  // namespace llmops::recipe
