#include <fmt/format.h>

#include "base/exit_code.h"

// Prints docs/exit-codes.md from the one table of exit statuses.
int main() {
  fmt::print(
      "# Exit statuses\n\n"
      "Of every command. Never 0 when less was done than was asked.\n\n"
      "| status | name | meaning |\n|---|---|---|\n");
  for (const llmops::ExitCodeInfo& info : llmops::exit_codes()) {
    fmt::print("| {} | `{}` | {} |\n", static_cast<int>(info.code), info.name, info.meaning);
  }
}
