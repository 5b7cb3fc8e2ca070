#pragma once

#include <string>

#include "base/random.h"

namespace llmops::data {

// One story of the grammar in stories.cpp, ending with a line feed.
std::string make_story(Random& random);

}  // namespace llmops::data
