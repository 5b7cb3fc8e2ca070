#include "tensor/generate/scoring.h"

#include <algorithm>
#include <cmath>

namespace llmops::tensor {

using engine::FinishReason;

namespace {

constexpr std::size_t kPrefix = static_cast<std::size_t>(-1);  // not the number of a continuation

}  // namespace

Scoring::Scoring(const engine::ScoreRequest& request, std::vector<std::int32_t> prefix)
    : request_(request) {
  prefix_.ids = std::move(prefix);
  result_.continuations.resize(request_.continuations.size());
  for (const std::vector<std::int32_t>& continuation : request_.continuations) {
    Sequence sequence;
    sequence.ids = prefix_.ids;
    if (!continuation.empty()) {
      sequence.ids.insert(sequence.ids.end(), continuation.begin(), continuation.end() - 1);
    }
    sequence.computed = std::ssize(prefix_.ids);
    rest_.push_back(std::move(sequence));
  }
}

// A continuation of one token needs none: the prefix says how likely it is.
std::int64_t Scoring::spare_pages() const {
  const std::int64_t shared = std::ssize(prefix_.ids) / plan::kPageTokens;
  std::int64_t count = 0;
  for (const Sequence& sequence : rest_) {
    if (sequence.pending() > 0) count += plan::pages_for(std::ssize(sequence.ids)) - shared;
  }
  return count;
}

void Scoring::admit(KvPool& pool) {
  spare_ = Pages(pool, spare_pages() * plan::kPageTokens);
  prefix_.pages = Pages(pool, std::ssize(prefix_.ids));
}

bool Scoring::complete() const {
  return prefix_.pending() == 0 && std::all_of(rest_.begin(), rest_.end(),
                                               [](const Sequence& s) { return s.pending() == 0; });
}

std::vector<Sequence*> Scoring::sequences() {
  if (prefix_.pending() > 0) return {&prefix_};
  std::vector<Sequence*> pending;
  for (Sequence& sequence : rest_) {
    if (sequence.pending() == 0) continue;
    if (sequence.pages.capacity() == 0) {
      sequence.pages =
          Pages(prefix_.pages, std::ssize(prefix_.ids), std::ssize(sequence.ids), spare_);
    }
    pending.push_back(&sequence);
  }
  return pending;
}

template <typename Visit>
void Scoring::each_target(const Turn& turn, const Visit& visit) const {
  const auto row_of = [&](std::int64_t i) {
    return static_cast<std::int32_t>(turn.row + i - turn.begin);
  };
  const std::int64_t length = std::ssize(prefix_.ids);
  if (turn.sequence != &prefix_) {
    const auto number = static_cast<std::size_t>(turn.sequence - rest_.data());
    const std::vector<std::int32_t>& continuation = request_.continuations[number];
    for (std::int64_t i = turn.begin; i < turn.end(); ++i) {
      visit(row_of(i), continuation[static_cast<std::size_t>(i + 1 - length)], number);
    }
    return;
  }
  if (request_.prefix_logprobs) {
    for (std::int64_t i = turn.begin; i < std::min(turn.end(), length - 1); ++i) {
      visit(row_of(i), prefix_.ids[static_cast<std::size_t>(i + 1)], kPrefix);
    }
  }
  if (turn.end() != length) return;
  for (std::size_t number = 0; number < rest_.size(); ++number) {
    visit(row_of(length - 1), request_.continuations[number].front(), number);
  }
}

void Scoring::append_targets(const Turn& turn, std::vector<std::int32_t>& rows,
                             std::vector<std::int32_t>& tokens) const {
  each_target(turn, [&](std::int32_t row, std::int32_t token, std::size_t) {
    rows.push_back(row);
    tokens.push_back(token);
  });
}

std::size_t Scoring::count_targets(const Turn& turn) const {
  std::size_t count = 0;
  each_target(turn, [&](std::int32_t, std::int32_t, std::size_t) { ++count; });
  return count;
}

void Scoring::take_scores(const Turn& turn, std::span<const TokenScore> scores) {
  std::size_t i = 0;
  each_target(turn, [&](std::int32_t, std::int32_t, std::size_t number) {
    const TokenScore& score = scores[i++];
    if (!std::isfinite(score.logprob) && !failure_) {
      failure_ = Error(ExitCode::kDiverged, "the model's scores are not finite")
                     .hint("the model has diverged; use an earlier checkpoint");
    }
    if (number == kPrefix) {
      result_.prefix_logprobs.push_back(score.logprob);
      return;
    }
    engine::ContinuationScore& continuation = result_.continuations[number];
    continuation.logprobs.push_back(score.logprob);
    continuation.greedy = continuation.greedy && score.best;
  });
  turn.sequence->computed += turn.count;
}

engine::ScoreEvent Scoring::event() const {
  engine::ScoreEvent event;
  if (cancelled_) {
    event.finish = FinishReason::kCancelled;
  } else if (failure_) {
    event.finish = FinishReason::kError;
    event.error = failure_;
  } else {
    event = result_;
  }
  return event;
}

}  // namespace llmops::tensor
