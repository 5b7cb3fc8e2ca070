#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace llmops::data {

// Returns one story of the grammar in stories.cpp, ending with a line feed.
std::string make_story(Random& random);

// Whether the grammar can make a sentence.
bool stories_parse(std::string_view sentence);

// Splits a text into sentences, each with its full stop; leaves out what follows the last one.
std::vector<std::string> split_sentences(std::string_view text);

}  // namespace llmops::data
