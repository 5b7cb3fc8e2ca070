#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "engine/model.h"
#include "plan/buffers.h"
#include "tensor/generate/sequence.h"

namespace llmops::tensor {

// A ScoreRequest in the works. The prefix is computed first; then each continuation is a sequence
// that shares the prefix's pages.
class Scoring {
 public:
  // `prefix` is not empty.
  Scoring(const engine::ScoreRequest& request, std::vector<std::int32_t> prefix);

  // Pages of the prefix and of all continuations.
  std::int64_t pages() const { return plan::pages_for(std::ssize(prefix_.ids)) + spare_pages(); }
  void admit(KvPool& pool);
  bool admitted() const { return prefix_.pages.capacity() > 0; }
  void cancel() { cancelled_ = true; }
  void fail(const Error& error) { failure_ = error; }
  // Whether texts must be computed further before there is an event.
  bool waits() const { return !cancelled_ && !failure_ && !complete(); }

  // The sequences that can be computed now: the prefix, then all that is left.
  std::vector<Sequence*> sequences();
  // Appends the rows of a turn that are wanted, each with the token that it is scored for.
  void append_targets(const Turn& turn, std::vector<std::int32_t>& rows,
                      std::vector<std::int32_t>& tokens) const;
  std::size_t count_targets(const Turn& turn) const;
  // Takes the scores of what append_targets() asked for; the turn counts as computed.
  void take_scores(const Turn& turn, std::span<const TokenScore> scores);

  // When nothing is waited for.
  engine::ScoreEvent event() const;

 private:
  bool complete() const;
  std::int64_t spare_pages() const;
  // Calls visit(row, token, scored) for each wanted row: `scored` is where its score belongs, the
  // prefix or a continuation.
  template <typename Visit>
  void each_target(const Turn& turn, const Visit& visit) const;

  engine::ScoreRequest request_;
  Sequence prefix_;
  // Of each continuation the prefix and all of its tokens but the last.
  std::vector<Sequence> rest_;
  Pages spare_;  // for the sequences of rest_
  engine::ScoreEvent result_;
  std::optional<Error> failure_;
  bool cancelled_ = false;
};

}  // namespace llmops::tensor
