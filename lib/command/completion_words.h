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

CompletedCommand completed_program();

}  // namespace llmops::command
