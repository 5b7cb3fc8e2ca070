#pragma once

#include "checkpoint/train_state.h"
#include "engine/trainer.h"
#include "recipe/recipe.h"

namespace llmops::tensor {

// Enters checkpoint.metric of an evaluation at state.step into the best steps and the count of
// evaluations without gain. False when early stopping ends the run. A metric that is absent or not
// finite changes nothing.
bool judge_evaluation(const recipe::Recipe& recipe, const engine::EvalVerdict& verdict,
                      checkpoint::TrainState& state);

}  // namespace llmops::tensor
