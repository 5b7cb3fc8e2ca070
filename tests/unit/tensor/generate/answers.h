#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "engine/model.h"

namespace llmops::tensor {

using Ids = std::vector<std::int32_t>;

struct Answer {
  Ids ids;
  std::vector<float> logprobs;
  engine::FinishReason finish = engine::FinishReason::kNone;
};
using Answers = std::map<engine::RequestId, Answer>;

// One step of the model; false when nothing is left to run.
inline bool step(engine::Model& model, Answers& answers) {
  return model.step([&](const engine::TokenEvent& event) {
    Answer& answer = answers[event.request];
    if (event.token) {
      answer.ids.push_back(*event.token);
      answer.logprobs.push_back(event.logprob);
    }
    answer.finish = event.finish;
  });
}

inline Answer answer_of(engine::Model& model, const engine::GenerateRequest& request) {
  const engine::RequestId id = model.submit(request);
  Answers answers;
  while (step(model, answers)) {
  }
  return answers.at(id);
}

inline engine::GenerateRequest greedy(Ids prompt, std::int64_t tokens) {
  engine::GenerateRequest request;
  request.prompt = std::move(prompt);
  request.max_tokens = tokens;
  request.sampling.temperature = 0;
  return request;
}

// The logits after the last id, computed without a cache.
inline std::vector<float> last_logits(engine::Model& model, const Ids& ids) {
  const std::vector<float> all = model.logits(ids);
  return {all.end() - model.config().vocab_size, all.end()};
}

}  // namespace llmops::tensor
