// Prints, as JSON, the anonymous memory of a process that has loaded the tensor library and done
// nothing with it: the level above which scripts/bench/memory.py measures.
#include <fmt/format.h>

#include "base/resources.h"
#include "base/text.h"
#include "engine/engine.h"

int main() {
  llmops::engine::load_engine("cpu");
  fmt::print("{{\"anonymous_bytes\": {}}}\n", llmops::resident_anonymous_bytes());
  return 0;
}
