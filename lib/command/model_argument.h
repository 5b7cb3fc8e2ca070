#pragma once

#include <memory>
#include <string>

#include "command/command.h"
#include "engine/model.h"
#include "tokenizer/tokenizer.h"

namespace llmops::command {

// What a MODEL argument may be, for the help text.
inline constexpr const char* kModelHelp =
    "Checkpoint, output folder, Hugging Face folder, or a run:\n"
    "name, id, @last, @best:-METRIC";

// The folder that a MODEL argument means: a checkpoint or Hugging Face folder, or a run's output
// folder, whose `latest` checkpoint is taken. What is no path names a run of the store and stands
// for its latest checkpoint; a run of `eval` stands for the model it scored. Throws
// Error(kNotFound) when there is none.
std::string model_folder(const Invocation& invocation, const std::string& argument);

// The tokenizer of a model folder. Throws Error(kDamaged) when it is not the one of the folder's
// manifest.
std::unique_ptr<tokenizer::Tokenizer> load_tokenizer(const std::string& folder);

// Throws Error(kDamaged) when the tokenizer has ids that the model has no embedding for.
void check_tokenizer(const tokenizer::Tokenizer& tokenizer, const engine::Model& model,
                     const std::string& folder);

}  // namespace llmops::command
