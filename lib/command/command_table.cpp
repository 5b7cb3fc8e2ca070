#include "command/commands.h"

// To add a command: write lib/command/NAME_command.cpp with `Command NAME_command()`, declare it in
// commands.h, add one line to the table, and the .cpp to CMakeLists.txt.
namespace llmops::command {

std::span<const Command> commands() {
  static const Command kTable[] = {
      train_command(), eval_command(),   generate_command(),   track_command(),
      data_command(),  recipe_command(), completion_command(),
  };
  return kTable;
}

}  // namespace llmops::command
