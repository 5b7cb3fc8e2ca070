#include "tensor/generate/language_model.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <variant>

#include "base/error.h"
#include "base/resources.h"
#include "plan/buffers.h"
#include "tensor/generate/decoder.h"
#include "tensor/generate/generation.h"
#include "tensor/generate/scoring.h"

namespace llmops::tensor {

namespace {

using engine::RequestId;

// The tokens of a batch that attend to each other.
struct Segment {
  std::size_t begin = 0, size = 0;  // in the batch's arrays
};

std::vector<Segment> segments_of(const data::Batch& batch) {
  std::vector<Segment> segments;
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    for (std::int64_t t = 0; t < batch.length; ++t) {
      const auto at = static_cast<std::size_t>(row * batch.length + t);
      if (t == 0 || (batch.segmented && batch.segment_start[at] == t)) segments.push_back({at, 0});
      ++segments.back().size;
    }
  }
  return segments;
}

class LanguageModel final : public engine::Model {
 public:
  LanguageModel(const arch::TransformerConfig& config, const ModelTensors& weights, bool bf16,
                std::int64_t cache_bytes)
      : config_(config),
        precision_(bf16 ? plan::Precision::kBf16Mixed : plan::Precision::kFp32),
        cache_bytes_(cache_bytes),
        decoder_(config, weights, bf16) {}

  const arch::TransformerConfig& config() const override { return config_; }
  std::int64_t max_length() const override { return config_.max_positions; }
  void score(const data::Batch& batch, std::span<float> losses) override;
  RequestId submit(const engine::GenerateRequest& request) override;
  RequestId submit(const engine::ScoreRequest& request) override;
  void cancel(RequestId request) override;
  bool step(const std::function<void(const engine::TokenEvent&)>& on_token,
            const engine::StepOptions& options) override;

 private:
  using Request = std::variant<Generation, Scoring>;
  // A turn of one of the two.
  struct Work {
    Turn turn;
    Generation* generation;
    Scoring* scoring;

    // Whether the text of the answer is complete with this turn.
    bool draws() const { return generation && turn.end() == std::ssize(turn.sequence->ids); }
  };
  struct Drawn {
    std::int32_t token = 0;
    float logprob = 0;
    std::optional<Error> failure;
  };

  void check_ids(std::span<const std::int32_t> ids) const;
  std::vector<std::int32_t> opening(const std::vector<std::int32_t>& text) const;
  void make_pool(std::int64_t least_pages);
  RequestId add(Request request, std::int64_t pages);
  void score_segments(const data::Batch& batch, std::span<const Segment> segments,
                      std::span<float> losses);
  void admit();
  std::vector<Work> choose_work(std::int64_t budget);
  void advance(std::int64_t budget);
  std::vector<Drawn> draw(std::span<const Work> chosen, std::span<const std::int32_t> rows);

  arch::TransformerConfig config_;
  plan::Precision precision_;
  std::int64_t cache_bytes_;
  Decoder decoder_;
  std::optional<KvPool> pool_, scored_;  // of requests, and of batches that are scored
  std::map<RequestId, Request> requests_;
  RequestId next_id_ = 1;
};

void LanguageModel::check_ids(std::span<const std::int32_t> ids) const {
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= config_.vocab_size) {
      throw usage_error("token id {} is outside the model's vocabulary of {}", id,
                        config_.vocab_size);
    }
  }
}

// A text that is not empty.
std::vector<std::int32_t> LanguageModel::opening(const std::vector<std::int32_t>& text) const {
  check_ids(text);
  if (!text.empty()) return text;
  return {static_cast<std::int32_t>(config_.eos_token_id.value_or(0))};
}

// The memory is used page by page, as requests need it: an untouched page takes none. Where so
// much cannot be reserved, as under a limit of addresses, less must do.
void LanguageModel::make_pool(std::int64_t least_pages) {
  const std::int64_t page = plan::page_bytes(config_, config_.layers, precision_);
  auto available = static_cast<std::int64_t>(memory_status().available_bytes);
  rlimit addresses{};
  if (getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur != RLIM_INFINITY) {
    available = std::min(available, static_cast<std::int64_t>(addresses.rlim_cur / 2));
  }
  const std::int64_t most = 64 * plan::pages_for(config_.max_positions);
  std::int64_t pages = cache_bytes_ > 0 ? cache_bytes_ / page : available / 2 / page;
  pages = std::clamp<std::int64_t>(pages, 1, most);
  while (!pool_) {
    try {
      pool_.emplace(config_, KvPool::Lifetime::kSequence, pages, decoder_.act_options());
    } catch (const c10::Error&) {
      if (pages <= least_pages) throw;
      pages = least_pages;
    }
  }
}

void LanguageModel::score(const data::Batch& batch, std::span<float> losses) {
  const at::NoGradGuard no_grad;
  LLMOPS_CHECK(std::ssize(losses) == batch.rows * batch.length);
  if (batch.length > config_.max_positions) {
    throw usage_error("a row of {} tokens is longer than the model's {}", batch.length,
                      config_.max_positions);
  }
  check_ids(batch.inputs);
  for (const std::int32_t id : batch.targets) check_ids(std::array{std::max(id, 0)});
  // As many segments a pass as its tokens and pages allow.
  const std::vector<Segment> segments = segments_of(batch);
  const std::int64_t most_pages = plan::pages_for(plan::kScoredTokens);
  for (std::size_t begin = 0, end = 0; begin < segments.size(); begin = end) {
    std::int64_t tokens = 0, pages = 0;
    for (; end < segments.size(); ++end) {
      const auto size = static_cast<std::int64_t>(segments[end].size);
      tokens += size;
      pages += plan::pages_for(size);
      if (end > begin && (tokens > plan::kScoredTokens || pages > most_pages)) break;
    }
    score_segments(batch, std::span(segments).subspan(begin, end - begin), losses);
  }
}

void LanguageModel::score_segments(const data::Batch& batch, std::span<const Segment> segments,
                                   std::span<float> losses) {
  std::int64_t wanted = 0;
  for (const Segment& segment : segments) {
    wanted += plan::pages_for(static_cast<std::int64_t>(segment.size));
  }
  if (!scored_ || scored_->size() < wanted) {
    scored_.reset();
    scored_.emplace(config_, KvPool::Lifetime::kPass, wanted, decoder_.act_options());
  }
  std::vector<Pages> pages;
  std::vector<Piece> pieces;
  for (const Segment& segment : segments) {
    pages.emplace_back(*scored_, static_cast<std::int64_t>(segment.size));
    pieces.push_back({std::span(batch.inputs).subspan(segment.begin, segment.size), 0,
                      pages.back().list(),
                      std::span(batch.positions).subspan(segment.begin, segment.size)});
  }
  const std::size_t begin = segments.front().begin;
  const std::size_t size = segments.back().begin + segments.back().size - begin;
  decoder_.run(pieces, *scored_, std::min(static_cast<std::int64_t>(size), plan::kScoredLogits));
  decoder_.losses_of_rows(std::span(batch.targets).subspan(begin, size),
                          losses.subspan(begin, size));
}

RequestId LanguageModel::add(Request request, std::int64_t pages) {
  if (!pool_) make_pool(pages);
  if (pages > pool_->size()) {
    throw usage_error("the request needs keys and values of {} tokens, and there is memory for {}",
                      pages * plan::kPageTokens, pool_->size() * plan::kPageTokens)
        .hint("use a shorter text or fewer tokens");
  }
  requests_.emplace(next_id_, std::move(request));
  return next_id_++;
}

RequestId LanguageModel::submit(const engine::GenerateRequest& request) {
  std::vector<std::int32_t> prompt = opening(request.prompt);
  if (std::ssize(prompt) >= config_.max_positions) {
    throw usage_error("the prompt has {} tokens and the model takes {}, an answer included",
                      prompt.size(), config_.max_positions);
  }
  Generation generation(request, std::move(prompt), config_.max_positions);
  const std::int64_t pages = plan::pages_for(generation.room());
  return add(std::move(generation), pages);
}

RequestId LanguageModel::submit(const engine::ScoreRequest& request) {
  std::vector<std::int32_t> prefix = opening(request.prefix);
  std::int64_t longest = 0;
  for (const std::vector<std::int32_t>& continuation : request.continuations) {
    check_ids(continuation);
    if (continuation.empty()) throw usage_error("a continuation without a token has no score");
    longest = std::max(longest, std::ssize(continuation) - 1);  // the last is only predicted
  }
  if (std::ssize(prefix) + longest > config_.max_positions) {
    throw usage_error("a text of {} tokens is longer than the model's {}",
                      std::ssize(prefix) + longest, config_.max_positions);
  }
  Scoring scoring(request, std::move(prefix));
  const std::int64_t pages = scoring.pages();
  return add(std::move(scoring), pages);
}

void LanguageModel::cancel(RequestId request) {
  const auto found = requests_.find(request);
  if (found == requests_.end()) return;
  std::visit([](auto& one) { one.cancel(); }, found->second);
}

// In the order of their arrival; none overtakes one that waits for memory.
void LanguageModel::admit() {
  for (auto& [id, request] : requests_) {
    if (auto* scoring = std::get_if<Scoring>(&request)) {
      if (scoring->admitted() || !scoring->waits()) continue;
      if (scoring->pages() > pool_->free()) return;
      scoring->admit(*pool_);
    } else {
      auto& generation = std::get<Generation>(request);
      Sequence& sequence = generation.sequence();
      if (sequence.pages.capacity() > 0 || !generation.waits()) continue;
      if (plan::pages_for(generation.room()) > pool_->free()) return;
      sequence.pages = Pages(*pool_, generation.room());
    }
  }
}

// Running answers come first, a token each; what is left of the budget goes to texts that are read,
// one after the other.
std::vector<LanguageModel::Work> LanguageModel::choose_work(std::int64_t budget) {
  std::vector<Work> chosen, texts;
  std::int64_t row = 0;
  const auto choose = [&](Work work, std::int64_t count) {
    const Sequence& sequence = *work.turn.sequence;
    work.turn.begin = sequence.first + sequence.computed;
    work.turn.count = count;
    work.turn.row = row;
    chosen.push_back(work);
    row += count;
  };
  for (auto& [id, request] : requests_) {
    if (auto* scoring = std::get_if<Scoring>(&request)) {
      if (!scoring->admitted() || !scoring->waits()) continue;
      for (Sequence* sequence : scoring->sequences())
        texts.push_back({{sequence}, nullptr, scoring});
      continue;
    }
    auto& generation = std::get<Generation>(request);
    Sequence& sequence = generation.sequence();
    if (sequence.pages.capacity() == 0 || !generation.waits()) continue;
    const Work work{{&sequence}, &generation, nullptr};
    if (sequence.pending() == 1) {
      choose(work, 1);
    } else {
      texts.push_back(work);
    }
  }
  std::int64_t left = std::max<std::int64_t>(1, budget - row);
  for (const Work& text : texts) {
    if (left == 0) break;
    const std::int64_t count = std::min(left, text.turn.sequence->pending());
    choose(text, count);
    left -= count;
  }
  return chosen;
}

// One pass. Requests are changed last, so that after an exception the next call does the same.
void LanguageModel::advance(std::int64_t budget) {
  admit();
  const std::vector<Work> chosen = choose_work(budget);
  if (chosen.empty()) return;
  std::vector<Piece> pieces;
  std::vector<std::int32_t> last_rows, scored_rows, scored_tokens;
  for (const Work& work : chosen) {
    pieces.push_back(work.turn.sequence->next(work.turn.count));
    if (work.draws())
      last_rows.push_back(static_cast<std::int32_t>(work.turn.row + work.turn.count - 1));
    if (work.scoring) work.scoring->append_targets(work.turn, scored_rows, scored_tokens);
  }
  const std::int64_t wanted = std::ssize(last_rows) + std::ssize(scored_rows);
  decoder_.run(pieces, *pool_, std::clamp<std::int64_t>(wanted, 1, plan::kScoredLogits));
  const std::vector<Drawn> drawn = draw(chosen, last_rows);
  const std::vector<TokenScore> all_scores = decoder_.score(scored_rows, scored_tokens);

  std::size_t next_drawn = 0;
  std::span<const TokenScore> scores(all_scores);
  for (const Work& work : chosen) {
    if (work.scoring) {
      const std::size_t count = work.scoring->count_targets(work.turn);
      work.scoring->take_scores(work.turn, scores.first(count));
      scores = scores.subspan(count);
      continue;
    }
    if (work.draws()) {
      const Drawn& next = drawn[next_drawn++];
      if (next.failure) {
        work.generation->fail(*next.failure);
      } else {
        work.generation->set_next(next.token, next.logprob);
      }
    }
    work.turn.sequence->computed += work.turn.count;
  }
}

// The next token of every answer whose text is complete with this pass.
std::vector<LanguageModel::Drawn> LanguageModel::draw(std::span<const Work> chosen,
                                                      std::span<const std::int32_t> rows) {
  std::vector<Drawn> drawn;
  if (rows.empty()) return drawn;
  const Tensor logits = decoder_.logits(rows);
  const Tensor host = logits.cpu();
  const float* row = host.data_ptr<float>();
  const auto width = static_cast<std::size_t>(config_.vocab_size);
  std::vector<std::int32_t> tokens;
  for (const Work& work : chosen) {
    if (!work.draws()) continue;
    drawn.emplace_back();
    try {
      drawn.back().token = work.generation->draw({row, width});
    } catch (const Error& error) {
      drawn.back().failure = error;
    }
    tokens.push_back(drawn.back().token);
    row += width;
  }
  const std::vector<float> losses = decoder_.losses(logits, tokens);
  for (std::size_t i = 0; i < drawn.size(); ++i) drawn[i].logprob = -losses[i];
  return drawn;
}

bool LanguageModel::step(const std::function<void(const engine::TokenEvent&)>& on_token,
                         const engine::StepOptions& options) {
  const at::NoGradGuard no_grad;
  advance(options.token_budget);
  for (auto it = requests_.begin(); it != requests_.end();) {
    const auto current = it++;
    // The state is final before the caller learns of it: a callback may throw.
    if (auto* scoring = std::get_if<Scoring>(&current->second)) {
      if (scoring->waits()) continue;
      engine::ScoreEvent event = scoring->event();
      event.request = current->first;
      requests_.erase(current);
      if (options.on_score) options.on_score(event);
      continue;
    }
    auto& generation = std::get<Generation>(current->second);
    if (generation.waits()) continue;  // its text is still read, or on_token has just submitted it
    engine::TokenEvent event = generation.take_event();
    event.request = current->first;
    if (event.finish != engine::FinishReason::kNone) requests_.erase(current);
    on_token(event);
  }
  return !requests_.empty();
}

}  // namespace

std::unique_ptr<engine::Model> make_model(const arch::TransformerConfig& config,
                                          const ModelTensors& weights, bool bf16,
                                          std::int64_t cache_bytes) {
  return std::make_unique<LanguageModel>(config, weights, bf16, cache_bytes);
}

}  // namespace llmops::tensor
