#pragma once

#include <string>

#include "arch/transformer_config.h"
#include "recipe/load.h"

namespace llmops::recipe {

// Makes the model at model.path the model of the recipe: model.arch and model.config take the
// values of its config.json, `base`, as do the properties without a key (activation, token ids).
// Only dropout stays as in the recipe, because it belongs to the training. Adds a problem for each
// key that is given with another value, for sequences longer than the model takes, and for a
// train.freeze that does not fit the model.
// `source` is the file that `base` was read from.
void take_base_model(LoadedRecipe& loaded, const arch::TransformerConfig& base,
                     const std::string& source);

}  // namespace llmops::recipe
