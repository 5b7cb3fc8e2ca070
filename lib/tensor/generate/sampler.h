#pragma once

#include <cstdint>
#include <span>

#include "engine/model.h"

namespace llmops::tensor {

// Draws a token: temperature, then top-k, then top-p (the smallest set of most likely tokens whose
// probability reaches top_p), as transformers' processors do in that order. Ties go to the lower
// id. The draw depends on (seed, position) alone. temperature 0: the most likely token. Throws
// Error(kDiverged) when the logits are not finite.
std::int32_t sample(std::span<const float> logits, const engine::SamplingParams& params,
                    std::int64_t position);

}  // namespace llmops::tensor
