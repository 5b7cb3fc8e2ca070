#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/transformer_config.h"
#include "base/error.h"
#include "data/batch.h"
#include "plan/buffers.h"

namespace llmops::engine {

struct SamplingParams {
  double temperature = 1.0;  // 0 = greedy
  std::int64_t top_k = 0;    // 0 = all
  double top_p = 1.0;
  std::uint64_t seed = 42;
  // Ids from this one on have no token and are never drawn: a model may have more rows than its
  // tokenizer has tokens. 0 = every id has one.
  std::int64_t tokens = 0;
};

struct GenerateRequest {
  std::vector<std::int32_t> prompt;  // empty: starts from the end token, or token 0 without one
  std::int64_t max_tokens = 128;
  SamplingParams sampling;
  std::vector<std::int32_t> stop_tokens;
  // When the text has filled the model's length: read its newer half again and continue, instead of
  // ending with kLength.
  bool slide = false;
};

// Continuations of one text whose probabilities are asked for. The text is computed once.
struct ScoreRequest {
  std::vector<std::int32_t> prefix;  // empty: as an empty prompt
  std::vector<std::vector<std::int32_t>> continuations;
  bool prefix_logprobs = false;  // of the tokens of the prefix, too
};

using RequestId = std::int64_t;
enum class FinishReason { kNone, kStop, kLength, kCancelled, kError };
std::string_view name_of(FinishReason reason);  // "stop", "length", "cancelled", "error"

// One token of one request; the last event of a request has a finish reason and, when it ended by
// a stop token, was cancelled or failed, no token.
struct TokenEvent {
  RequestId request = 0;
  std::optional<std::int32_t> token;
  float logprob = 0;
  FinishReason finish = FinishReason::kNone;
  std::optional<Error> error = {};  // with kError; other requests continue
};

struct ContinuationScore {
  std::vector<float> logprobs;  // of each token, natural
  bool greedy = true;           // every token is the most likely one

  double logprob() const;  // their sum
};
struct ScoreEvent {
  RequestId request = 0;
  std::vector<ContinuationScore> continuations;  // in the request's order
  std::vector<float> prefix_logprobs;            // of the prefix's tokens from the second on
  FinishReason finish = FinishReason::kStop;     // kCancelled and kError: no scores
  std::optional<Error> error = {};
};

struct StepOptions {
  // Most tokens of one step. Each running answer takes one, texts that are read share the rest;
  // when answers take all, one token of a text is read still.
  std::int64_t token_budget = plan::kStepTokens;
  std::function<void(const ScoreEvent&)> on_score = {};
};

// A model ready to compute. Requests join, stream and are cancelled between steps, so one
// interface serves generate, eval and serve. One thread at a time.
class Model {
 public:
  virtual ~Model() = default;

  virtual const arch::TransformerConfig& config() const = 0;
  // Longest sequence, prompt included.
  virtual std::int64_t max_length() const = 0;

  // Negative log likelihood (nats) of every target of the batch, 0 where there is none: [B, T].
  virtual void score(const data::Batch& batch, std::span<float> losses) = 0;

  // A request waits until there is memory for its keys and values. Throws Error(kUsage) when there
  // never will be, when the text leaves no room in max_length(), or an id is out of range.
  virtual RequestId submit(const GenerateRequest& request) = 0;
  virtual RequestId submit(const ScoreRequest& request) = 0;
  virtual void cancel(RequestId request) = 0;
  // One token for every running answer whose text has been read, and what the budget allows of
  // other texts. False when no request is left. After an exception, its own or that of a callback,
  // the next step continues where this one ended: no token is lost or given twice.
  virtual bool step(const std::function<void(const TokenEvent&)>& on_token,
                    const StepOptions& options = {}) = 0;
};

}  // namespace llmops::engine
