#include "command/command.h"
#include "command/completion_command.h"
#include "command/data_command.h"
#include "command/eval_command.h"
#include "command/generate_command.h"
#include "command/recipe_command.h"
#include "command/track_command.h"
#include "command/train_command.h"

// To add a command: write lib/command/NAME_command.{h,cpp} with `Command NAME_command();`, include
// the header here, add one line to the table, and the .cpp to CMakeLists.txt.
namespace llmops::command {

std::span<const Command> commands() {
  static const Command kTable[] = {
      train_command(), eval_command(),   generate_command(),   track_command(),
      data_command(),  recipe_command(), completion_command(),
  };
  return kTable;
}

}  // namespace llmops::command
