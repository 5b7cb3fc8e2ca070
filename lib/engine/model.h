#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/transformer_config.h"
#include "data/batch.h"

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
};

using RequestId = std::int64_t;
enum class FinishReason { kNone, kStop, kLength, kCancelled };
std::string_view name_of(FinishReason reason);  // "stop", "length", "cancelled"

// One token of one request; the last event of a request has a finish reason and, when it ended by
// a stop token or was cancelled, no token.
struct TokenEvent {
  RequestId request = 0;
  std::optional<std::int32_t> token;
  float logprob = 0;
  FinishReason finish = FinishReason::kNone;
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
  // The logits of every position of one row of ids: [T, V], for tests and inspection.
  virtual std::vector<float> logits(std::span<const std::int32_t> ids) = 0;

  // Throws Error(kUsage) when the prompt leaves no room in max_length() or an id is out of range.
  virtual RequestId submit(const GenerateRequest& request) = 0;
  virtual void cancel(RequestId request) = 0;
  // One token for every running request. False when none is running. After an exception, its own or
  // that of on_token, the next step goes on where this one ended: no token is lost or given twice.
  virtual bool step(const std::function<void(const TokenEvent&)>& on_token) = 0;
};

}  // namespace llmops::engine
