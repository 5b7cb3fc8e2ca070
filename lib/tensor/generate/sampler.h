#pragma once

#include <cstdint>
#include <span>

#include "engine/model.h"

namespace llmops::tensor {

struct Sampled {
  std::int32_t token = 0;
  float logprob = 0;  // under the model's own distribution, before temperature and cuts
};

// Draws a token: temperature, then top-k, then top-p (the smallest set of most likely tokens whose
// probability reaches top_p), as transformers' processors do in that order. Ties go to the lower
// id. The draw depends on (seed, position) alone. temperature 0: the most likely token. Throws
// Error(kDiverged) when the logits are not finite.
Sampled sample(std::span<const float> logits, const engine::SamplingParams& params,
               std::int64_t position);

}  // namespace llmops::tensor
