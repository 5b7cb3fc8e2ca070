#pragma once

#include <optional>
#include <span>
#include <string>

#include "recipe/sections.h"

namespace llmops::eval {

// How sampled text compares with the generator of stories that a model has learned from.
struct StoryScore {
  double parse_rate = 0;  // share of the sentences that the generator's grammar parses
  double novel_rate = 0;  // share of the sentences that are not in the training text
};

// Scores the sentences of the texts; nothing when they have none. Generates the training text
// again, and throws Error when a stop is requested meanwhile.
std::optional<StoryScore> score_stories(std::span<const std::string> texts,
                                        const recipe::Synth& training);

}  // namespace llmops::eval
