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
inline bool step(engine::Model& model, Answers& answers, const engine::StepOptions& options = {}) {
  const auto on_token = [&](const engine::TokenEvent& event) {
    Answer& answer = answers[event.request];
    if (event.token) {
      answer.ids.push_back(*event.token);
      answer.logprobs.push_back(event.logprob);
    }
    answer.finish = event.finish;
  };
  return model.step(on_token, options);
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

// One request for scores.
inline engine::ScoreEvent score_of(engine::Model& model, const engine::ScoreRequest& request,
                                   std::int64_t token_budget = 2048) {
  model.submit(request);
  engine::ScoreEvent scores;
  const engine::StepOptions options{token_budget,
                                    [&](const engine::ScoreEvent& event) { scores = event; }};
  while (model.step([](const engine::TokenEvent&) {}, options)) {
  }
  return scores;
}

}  // namespace llmops::tensor
