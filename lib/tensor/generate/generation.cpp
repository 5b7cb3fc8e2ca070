#include "tensor/generate/generation.h"

#include <algorithm>

#include "tensor/generate/sampler.h"

namespace llmops::tensor {

using engine::FinishReason;
using engine::TokenEvent;

Generation::Generation(const engine::GenerateRequest& request, std::vector<std::int32_t> prompt,
                       std::int64_t max_length)
    : request_(request), max_length_(max_length) {
  sequence_.ids = std::move(prompt);
}

std::int64_t Generation::room() const {
  const std::int64_t left = max_length_ - sequence_.seen();
  return sequence_.seen() + std::min(left, request_.max_tokens - generated_);
}

std::int32_t Generation::draw(std::span<const float> logits) {
  return sample(logits, request_.sampling, generated_);
}

void Generation::append(std::int32_t token) {
  sequence_.ids.push_back(token);
  ++generated_;
  if (!request_.slide || sequence_.seen() <= max_length_) return;
  sequence_.first += sequence_.seen() - std::max<std::int64_t>(1, max_length_ / 2);
  sequence_.computed = 0;
}

TokenEvent Generation::take_event() {
  TokenEvent event;
  if (cancelled_) {
    event.finish = FinishReason::kCancelled;
  } else if (failure_) {
    event.finish = FinishReason::kError;
    event.error = failure_;
  } else if (ended()) {
    event.finish = FinishReason::kLength;  // max_tokens 0
  } else {
    const Next next = *next_;
    next_.reset();
    const auto& stops = request_.stop_tokens;
    event.logprob = next.logprob;
    if (std::find(stops.begin(), stops.end(), next.token) != stops.end()) {
      event.finish = FinishReason::kStop;
      return event;
    }
    append(next.token);
    event.token = next.token;
    if (ended() || (is_full() && !request_.slide)) event.finish = FinishReason::kLength;
  }
  return event;
}

}  // namespace llmops::tensor
