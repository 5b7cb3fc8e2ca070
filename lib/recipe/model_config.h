#pragma once

#include "arch/transformer_config.h"
#include "recipe/recipe.h"

namespace llmops::recipe {

// model_config() without its check, for those who want all that does not fit (arch/check.h).
arch::TransformerConfig unchecked_model_config(const Recipe& recipe,
                                               std::int64_t tokenizer_vocab_size);

}  // namespace llmops::recipe
