#include "base/version.h"

namespace llmops {

std::string_view version() {
  return LLMOPS_VERSION;
}

}  // namespace llmops
