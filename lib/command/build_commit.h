#pragma once

#include <string_view>

namespace llmops::command {

// The git commit that the program was built from, with "-dirty" after it when tracked files had
// been changed; "unknown" when it was not built in its git folder. Made by cmake/commit.cmake.
std::string_view build_commit();

}  // namespace llmops::command
