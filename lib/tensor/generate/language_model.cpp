#include "tensor/generate/language_model.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "plan/buffers.h"
#include "tensor/generate/decoder.h"
#include "tensor/generate/sampler.h"
#include "tensor/model/transformer.h"

namespace llmops::tensor {

namespace {

using engine::FinishReason;
using engine::GenerateRequest;
using engine::RequestId;
using engine::TokenEvent;

class LanguageModel final : public engine::Model {
 public:
  LanguageModel(const arch::TransformerConfig& config, const ModelTensors& weights, bool bf16)
      : config_(config), weights_(weights), bf16_(bf16), decoder_(config, weights, bf16) {}

  const arch::TransformerConfig& config() const override { return config_; }
  std::int64_t max_length() const override { return config_.max_positions; }
  void score(const data::Batch& batch, std::span<float> losses) override;
  std::vector<float> logits(std::span<const std::int32_t> ids) override;
  RequestId submit(const GenerateRequest& request) override;
  void cancel(RequestId request) override;
  bool step(const std::function<void(const TokenEvent&)>& on_token) override;

 private:
  struct Running {
    GenerateRequest request;
    std::vector<std::int32_t> ids;  // prompt and answer
    std::int64_t generated = 0;
    KvCache cache;
    std::vector<float> logits;  // after the last id; empty until advance() has computed them
    bool cancelled = false;

    bool ended() const { return cancelled || generated >= request.max_tokens; }
  };
  Activations& buffers_for(std::int64_t rows, std::int64_t length);
  void check_id(std::int32_t id) const;
  void check_length(std::int64_t length) const;
  void refill(Running& running);
  void advance();
  TokenEvent next_event(RequestId id, Running& running) const;

  arch::TransformerConfig config_;
  ModelTensors weights_;
  bool bf16_;
  Decoder decoder_;
  std::optional<Activations> activations_;
  std::map<RequestId, Running> running_;
  RequestId next_id_ = 1;
};

void LanguageModel::check_id(std::int32_t id) const {
  if (id < 0 || id >= config_.vocab_size) {
    throw usage_error("token id {} is outside the model's vocabulary of {}", id,
                      config_.vocab_size);
  }
}

void LanguageModel::check_length(std::int64_t length) const {
  if (length > config_.max_positions) {
    throw usage_error("a row of {} tokens is longer than the model's {}", length,
                      config_.max_positions);
  }
}

Activations& LanguageModel::buffers_for(std::int64_t rows, std::int64_t length) {
  if (!activations_ || activations_->rows != rows || activations_->length != length) {
    const auto shape = plan::scoring_shape(
        rows, length, bf16_ ? plan::Precision::kBf16Mixed : plan::Precision::kFp32);
    activations_.reset();
    activations_.emplace(config_, plan::activation_buffers(config_, shape), rows, length,
                         weights_.token_embedding.device(), shape.precision);
  }
  return *activations_;
}

void LanguageModel::score(const data::Batch& batch, std::span<float> losses) {
  const at::NoGradGuard no_grad;
  LLMOPS_CHECK(std::ssize(losses) == batch.rows * batch.length);
  check_length(batch.length);
  for (std::int32_t id : batch.inputs) check_id(id);
  for (std::int32_t id : batch.targets) check_id(std::max(id, 0));
  Activations& act = buffers_for(batch.rows, batch.length);
  act.set_batch(batch);
  const Kernels& kernels = kernels_for(weights_.token_embedding.device());
  forward(kernels, config_, weights_, act, {});
  head_loss(kernels, weights_, act, 0, nullptr, {});
  const Tensor host = act.losses.cpu();
  const float* data = host.data_ptr<float>();
  std::copy(data, data + losses.size(), losses.begin());
}

std::vector<float> LanguageModel::logits(std::span<const std::int32_t> ids) {
  const at::NoGradGuard no_grad;
  check_length(std::ssize(ids));
  data::Batch batch;
  batch.rows = 1;
  batch.length = std::ssize(ids);
  batch.inputs.assign(ids.begin(), ids.end());
  batch.targets.assign(ids.size(), data::kIgnore);
  batch.segment_start.assign(ids.size(), 0);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    check_id(ids[i]);
    batch.positions.push_back(static_cast<std::int32_t>(i));
  }
  Activations& act = buffers_for(1, batch.length);
  act.set_batch(batch);
  const Kernels& kernels = kernels_for(weights_.token_embedding.device());
  forward(kernels, config_, weights_, act, {});
  std::vector<float> all;
  for (std::int64_t i = 0; i < batch.length; ++i) {
    Tensor row = act.logits.narrow(0, 0, 1);
    kernels.linear(act.norm_final.narrow(0, i, 1), weights_.head.weight, {}, row);
    const Tensor host = row.to(at::kCPU, at::kFloat);
    all.insert(all.end(), host.data_ptr<float>(), host.data_ptr<float>() + host.numel());
  }
  return all;
}

RequestId LanguageModel::submit(const GenerateRequest& request) {
  Running running;
  running.request = request;
  running.ids = request.prompt;
  if (running.ids.empty()) {
    running.ids.push_back(static_cast<std::int32_t>(config_.eos_token_id.value_or(0)));
  }
  for (std::int32_t id : running.ids) check_id(id);
  if (std::ssize(running.ids) >= config_.max_positions) {
    throw usage_error("the prompt has {} tokens and the model takes {}, an answer included",
                      running.ids.size(), config_.max_positions);
  }
  running_.emplace(next_id_, std::move(running));
  return next_id_++;
}

void LanguageModel::cancel(RequestId request) {
  const auto found = running_.find(request);
  if (found != running_.end()) found->second.cancelled = true;
}

// Reads the text so far into a fresh cache. A text that has filled the model's length goes on with
// its newer half, as a window that slides.
void LanguageModel::refill(Running& running) {
  std::span<const std::int32_t> seen(running.ids);
  if (std::ssize(seen) >= config_.max_positions) {
    seen =
        seen.last(static_cast<std::size_t>(std::max<std::int64_t>(1, config_.max_positions / 2)));
  }
  const std::int64_t wanted = std::ssize(seen) + running.request.max_tokens - running.generated;
  running.cache = {};
  KvCache cache = decoder_.make_cache(std::min(config_.max_positions, wanted));
  running.logits = decoder_.prefill(cache, seen);
  running.cache = std::move(cache);
}

// Computes the logits after the last id of every request that has none. An exception changes no
// request that it did not finish, so that the next call does what is left.
void LanguageModel::advance() {
  std::vector<KvCache*> caches;
  std::vector<std::int32_t> ids;
  std::vector<Running*> stepped;
  for (auto& [id, running] : running_) {
    if (running.ended() || !running.logits.empty()) continue;
    if (running.cache.length == running.cache.capacity) {
      refill(running);
      continue;
    }
    caches.push_back(&running.cache);
    ids.push_back(running.ids.back());
    stepped.push_back(&running);
  }
  if (caches.empty()) return;
  std::vector<std::vector<float>> logits = decoder_.step(caches, ids);
  for (std::size_t i = 0; i < stepped.size(); ++i) stepped[i]->logits = std::move(logits[i]);
}

TokenEvent LanguageModel::next_event(RequestId id, Running& running) const {
  TokenEvent event;
  event.request = id;
  if (running.ended()) {
    event.finish = running.cancelled ? FinishReason::kCancelled : FinishReason::kLength;
    return event;
  }
  const Sampled next = sample(running.logits, running.request.sampling, running.generated);
  event.logprob = next.logprob;
  const auto& stops = running.request.stop_tokens;
  if (std::find(stops.begin(), stops.end(), next.token) != stops.end()) {
    event.finish = FinishReason::kStop;
    return event;
  }
  running.ids.push_back(next.token);
  running.logits.clear();
  event.token = next.token;
  if (++running.generated >= running.request.max_tokens) event.finish = FinishReason::kLength;
  return event;
}

bool LanguageModel::step(const std::function<void(const TokenEvent&)>& on_token) {
  const at::NoGradGuard no_grad;
  advance();
  for (auto it = running_.begin(); it != running_.end();) {
    const auto current = it++;
    Running& running = current->second;
    if (running.logits.empty() && !running.ended()) continue;  // on_token has just submitted it
    const TokenEvent event = next_event(current->first, running);
    // The state is final before the caller learns of it: on_token may throw.
    if (event.finish != FinishReason::kNone) running_.erase(current);
    on_token(event);
  }
  return !running_.empty();
}

}  // namespace

std::unique_ptr<engine::Model> make_model(const arch::TransformerConfig& config,
                                          const ModelTensors& weights, bool bf16) {
  return std::make_unique<LanguageModel>(config, weights, bf16);
}

}  // namespace llmops::tensor
