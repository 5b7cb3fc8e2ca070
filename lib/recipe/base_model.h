#pragma once

#include <string>

#include "arch/transformer_config.h"
#include "recipe/load.h"

namespace llmops::recipe {

// Makes the model at model.path the one of the recipe: model.arch and model.config take the values
// of its config.json, `base`, and what a recipe has no key for (activation, token ids) comes with
// it. Only dropout, which is a matter of training, stays the recipe's. Adds a problem for each key
// that is given and says otherwise, for sequences longer than the model takes, and for a
// train.freeze that does not fit it.
// `source` is the file that `base` was read from.
void take_base_model(LoadedRecipe& loaded, const arch::TransformerConfig& base,
                     const std::string& source);

}  // namespace llmops::recipe
