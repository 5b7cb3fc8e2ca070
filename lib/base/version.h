#pragma once

#include <string_view>

namespace llmops {

std::string_view version();  // "0.1.0", the project's version in CMakeLists.txt

}  // namespace llmops
