#pragma once

#include <string>
#include <vector>

namespace llmops::command {

// What a shell can offer after one command or verb, read from the same declarations as its help.
struct CompletedOption {
  std::vector<std::string> names;    // "--device", "-q"
  std::string description;           // one line
  std::string value;                 // what it takes: MODEL, PATH, N …; empty for a flag
  std::vector<std::string> choices;  // of the value; empty: anything
};
struct CompletedCommand {
  std::string path;         // "train", "track show"; "" for llmops itself
  std::string description;  // one line
  std::vector<CompletedOption> options;
  std::vector<CompletedCommand> children;
  std::vector<std::string> choices;  // of the first argument
  std::string argument;              // its name: RECIPE, RUN, MODEL …; empty for none
  bool takes_settings = false;       // KEY=VALUE after it
};

// A script for each shell that completes commands, verbs, options, closed lists of values, names of
// recipes, recipe keys and, asked of the store while typing, names of runs; files elsewhere.
std::string bash_completion(const CompletedCommand& program);
std::string zsh_completion(const CompletedCommand& program);
std::string fish_completion(const CompletedCommand& program);

}  // namespace llmops::command
