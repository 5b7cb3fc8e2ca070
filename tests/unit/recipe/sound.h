#pragma once

#include <string>

#include "recipe/recipe.h"

namespace llmops::recipe {

// The least that a sound recipe says.
inline const std::string kSound =
    "version: 1\n"
    "data:\n"
    "  train: [{path: a.txt}]\n"
    "train:\n"
    "  max_steps: 10\n";

inline Recipe sound_recipe() {
  Recipe recipe;
  recipe.data.train.emplace_back().path = "a.txt";
  recipe.train.max_steps = 10;
  return recipe;
}

}  // namespace llmops::recipe
