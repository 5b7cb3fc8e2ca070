#pragma once

#include <string>

#include "engine/model.h"
#include "text/tokenizer.h"

namespace llmops::command {

// The folder that a MODEL argument means: a checkpoint or Hugging Face folder, or a run's output
// folder, whose `latest` checkpoint is taken. Throws Error(kNotFound) when there is none.
std::string model_folder(const std::string& argument);

// Throws Error(kDamaged) when the tokenizer has ids that the model has no embedding for.
void check_tokenizer(const text::Tokenizer& tokenizer, const engine::Model& model,
                     const std::string& folder);

}  // namespace llmops::command
