#pragma once

#include <string>

#include "command/completion_words.h"

namespace llmops::command {

// A script for each shell that completes commands, verbs, options, closed lists of values, names of
// recipes, recipe keys and, asked of the store while typing, names of runs; files elsewhere.
std::string bash_completion(const CompletedCommand& program);
std::string zsh_completion(const CompletedCommand& program);
std::string fish_completion(const CompletedCommand& program);

}  // namespace llmops::command
