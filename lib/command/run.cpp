#include "command/run.h"

namespace llmops::command {
int run(int, char**) { return 0; }
}  // namespace llmops::command
