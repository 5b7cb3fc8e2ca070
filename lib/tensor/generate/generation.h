#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/model.h"
#include "tensor/generate/sequence.h"

namespace llmops::tensor {

// A GenerateRequest in the works: the text so far, and the token that comes next once it is drawn.
class Generation {
 public:
  // `prompt` is not empty. `max_length` is the model's.
  Generation(const engine::GenerateRequest& request, std::vector<std::int32_t> prompt,
             std::int64_t max_length);

  // Tokens that the cache must have room for at most.
  std::int64_t room() const;
  Sequence& sequence() { return sequence_; }
  void cancel() { cancelled_ = true; }
  // Whether the text must be computed further before there is an event.
  bool waits() const { return !next_ && !failure_ && !ended(); }

  // Draws the next token from logits after the last one; its log-probability comes after.
  std::int32_t draw(std::span<const float> logits);
  void set_next(std::int32_t token, float logprob) { next_ = {token, logprob}; }
  void fail(const Error& error) { failure_ = error; }

  // The next event, when nothing is waited for. With a finish reason it is the last.
  engine::TokenEvent take_event();

 private:
  struct Next {
    std::int32_t token;
    float logprob;
  };
  bool ended() const { return cancelled_ || generated_ >= request_.max_tokens; }
  bool is_full() const { return sequence_.seen() >= max_length_; }
  void append(std::int32_t token);

  engine::GenerateRequest request_;
  std::int64_t max_length_, generated_ = 0;
  Sequence sequence_;
  std::optional<Next> next_;
  std::optional<Error> failure_;
  bool cancelled_ = false;
};

}  // namespace llmops::tensor
