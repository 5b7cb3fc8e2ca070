#include "engine/model.h"

#include <numeric>

namespace llmops::engine {

std::string_view name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::kNone:
      return "none";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kError:
      return "error";
  }
  return "none";
}

double ContinuationScore::logprob() const {
  return std::accumulate(logprobs.begin(), logprobs.end(), 0.0);
}

}  // namespace llmops::engine
