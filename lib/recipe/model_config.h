#pragma once

#include "arch/transformer_config.h"
#include "recipe/recipe.h"

namespace llmops::recipe {

// Returns model_config() without its check, for callers that list every problem
// (arch::problems_of).
arch::TransformerConfig unchecked_model_config(const Recipe& recipe,
                                               std::int64_t tokenizer_vocab_size);

}  // namespace llmops::recipe
