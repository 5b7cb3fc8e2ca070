#include "tensor/generate/decoder.h"

#include <ATen/ops/argmax.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "plan/buffers.h"

namespace llmops::tensor {

namespace {

Tensor host_ids(std::span<const std::int32_t> ids) {
  Tensor host = at::empty({std::ssize(ids)}, at::kInt);
  std::copy(ids.begin(), ids.end(), host.data_ptr<std::int32_t>());
  return host;
}

// The tables of a pass.
struct Tables {
  std::vector<std::int32_t> ids, positions, offsets{0}, starts;
  Tensor pages;

  explicit Tables(std::span<const Piece> pieces) {
    std::int64_t most_pages = 0;
    for (const Piece& piece : pieces) most_pages = std::max(most_pages, std::ssize(piece.pages));
    pages = at::empty({std::ssize(pieces), most_pages}, at::kInt);
    std::int32_t* page = pages.data_ptr<std::int32_t>();
    for (const Piece& piece : pieces) {
      const std::int64_t end = piece.start + std::ssize(piece.ids);
      LLMOPS_CHECK(end <= std::ssize(piece.pages) * plan::kPageTokens);
      ids.insert(ids.end(), piece.ids.begin(), piece.ids.end());
      for (std::int64_t i = piece.start; i < end; ++i) {
        const auto index = static_cast<std::size_t>(i - piece.start);
        positions.push_back(piece.positions.empty() ? static_cast<std::int32_t>(i)
                                                    : piece.positions[index]);
      }
      offsets.push_back(static_cast<std::int32_t>(ids.size()));
      starts.push_back(static_cast<std::int32_t>(piece.start));
      const auto rest = std::copy(piece.pages.begin(), piece.pages.end(), page);
      page += most_pages;
      std::fill(rest, page, 0);
    }
  }
};

}  // namespace

Decoder::Decoder(const arch::TransformerConfig& config, const ModelTensors& weights, bool bf16)
    : config_(config),
      weights_(weights),
      kernels_(kernels_for(weights.token_embedding.device())),
      precision_(bf16 ? plan::Precision::kBf16Mixed : plan::Precision::kFp32),
      act_(weights.token_embedding.options().dtype(bf16 ? at::kBFloat16 : at::kFloat)) {}

void Decoder::make_room(std::int64_t tokens, std::int64_t logit_rows) {
  if (buffers_) {
    if (buffers_->length >= tokens && buffers_->logits.size(0) >= logit_rows) return;
    tokens = std::max(tokens, buffers_->length);
    logit_rows = std::max(logit_rows, buffers_->logits.size(0));
  }
  pass_.reset();
  buffers_.reset();
  const auto shape = plan::inference_shape(std::max(tokens, logit_rows), logit_rows, precision_);
  buffers_.emplace(config_, plan::activation_buffers(config_, shape), 1, shape.length,
                   act_.device(), precision_);
}

void Decoder::run(std::span<const Piece> pieces, KvPool& pool, std::int64_t logit_rows) {
  const Tables tables(pieces);
  const std::int64_t tokens = std::ssize(tables.ids);
  make_room(tokens, logit_rows);
  if (!pass_ || pass_->length != tokens) pass_ = buffers_->first(tokens);
  copy_ids(pass_->ids, tables.ids);
  copy_ids(pass_->positions, tables.positions);
  if (weights_.rope) {
    const auto last = std::max_element(tables.positions.begin(), tables.positions.end());
    // By doubling, since a text grows token by token.
    weights_.rope->grow(std::int64_t{std::bit_ceil(static_cast<std::uint32_t>(*last + 1))});
  }
  const CachedPass cached{{host_ids(tables.offsets), host_ids(tables.starts), tables.pages}, pool};
  PassContext context;
  context.cached = &cached;
  forward(kernels_, config_, weights_, *pass_, context);
}

Tensor Decoder::logits(std::span<const std::int32_t> rows) {
  const std::int64_t count = std::ssize(rows);
  const Tensor hidden =
      pass_->norm_final.index_select(0, host_ids(rows).to(act_.device(), at::kLong));
  // Buffers of the pass must stay: its rows are asked for again.
  Tensor to = pass_->logits.size(0) >= count
                  ? pass_->logits.narrow(0, 0, count)
                  : at::empty({count, config_.vocab_size}, act_.dtype(at::kFloat));
  kernels_.linear(hidden, weights_.head.weight, {}, to);
  return to;
}

std::vector<float> Decoder::losses(const Tensor& logits, std::span<const std::int32_t> tokens) {
  Tensor losses = at::empty({logits.size(0)}, act_.dtype(at::kFloat));
  kernels_.cross_entropy_loss(logits, host_ids(tokens).to(act_.device()), losses);
  const Tensor host = losses.cpu();
  const float* data = host.data_ptr<float>();
  return {data, data + host.numel()};
}

std::vector<TokenScore> Decoder::score(std::span<const std::int32_t> rows,
                                       std::span<const std::int32_t> tokens) {
  std::vector<TokenScore> scores;
  scores.reserve(rows.size());
  constexpr auto kChunk = static_cast<std::size_t>(plan::kScoredLogits);
  for (std::size_t begin = 0; begin < rows.size(); begin += kChunk) {
    const std::size_t count = std::min(kChunk, rows.size() - begin);
    const auto targets = tokens.subspan(begin, count);
    const Tensor values = logits(rows.subspan(begin, count));
    const Tensor best = at::argmax(values, 1).to(at::kCPU, at::kInt);
    const std::vector<float> nats = losses(values, targets);
    for (std::size_t i = 0; i < count; ++i) {
      scores.push_back({-nats[i], best.data_ptr<std::int32_t>()[i] == targets[i]});
    }
  }
  return scores;
}

void Decoder::losses_of_rows(std::span<const std::int32_t> targets, std::span<float> losses) {
  copy_ids(pass_->targets, targets);
  head_loss(kernels_, weights_, *pass_, 0, nullptr, {});
  const Tensor host = pass_->losses.cpu();
  std::copy_n(host.data_ptr<float>(), losses.size(), losses.begin());
}

}  // namespace llmops::tensor
