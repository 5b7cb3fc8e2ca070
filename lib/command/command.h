#pragma once

#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/exit_code.h"
#include "command/terminal.h"

namespace CLI {
class App;
}

namespace llmops::command {

// Help of the options that all commands share.
inline constexpr std::string_view kStoreHelp =
    "Store of runs (default: LLMOPS_STORE, else the nearest .llmops)";
inline constexpr std::string_view kNoColorHelp = "Plain text, also on a terminal";

// What every command gets: where its results and everything else go, and the options that all
// commands share. Filled in before the command's action runs.
struct Invocation {
  std::FILE* out = stdout;             // results only
  std::FILE* err = stderr;             // everything else
  std::vector<std::string> arguments;  // argv, for the record of a run
  std::string store;                   // --store; empty: see store/locate.h
  bool no_color = false;               // --no-color or NO_COLOR

  // True when the stream is a terminal and colours are allowed.
  bool color(std::FILE* stream) const { return !no_color && is_terminal(stream); }
};

using Action = std::function<ExitCode()>;

// One subcommand, or one verb of it. define() declares the options on `app` and returns what to do
// once they are parsed; it is called only for the command that was named. Options are kept alive by
// the action, usually in one shared_ptr to a struct:
//
//   Action define(CLI::App& app, const Invocation& invocation) {
//     auto options = std::make_shared<Options>();
//     app.add_option("RECIPE", options->recipe, "Recipe file")->required();
//     return [options, &invocation] { return train(*options, invocation); };
//   }
struct Command {
  std::string_view name;
  std::string_view summary;  // one line, no full stop
  Action (*define)(CLI::App& app, const Invocation& invocation);
};

// All commands in the order of the help text. See command_table.cpp for how to add one.
std::span<const Command> commands();

// For a command with verbs ("recipe show"): declares them all; the action runs the one named.
Action define_verbs(CLI::App& app, const Invocation& invocation, std::span<const Command> verbs);

}  // namespace llmops::command
