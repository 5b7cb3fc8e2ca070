#include "plan/buffers.h"

#include <algorithm>

// Legend: B sequences, T tokens each, N = B T rows, C hidden, H heads, D head size,
// Q = (H + 2K) D, A = H D, F intermediate, U = F or 2F when gated, V vocabulary.
namespace llmops::plan {
namespace {

using Shape = std::vector<std::int64_t>;

class BufferList {
 public:
  BufferList(const arch::TransformerConfig& config, const ActivationShape& shape)
      : c_(config), s_(shape), N_(shape.rows * shape.length) {}

  std::vector<Buffer> list() && {
    batch();
    blocks();
    after_blocks();
    if (s_.training) gradients();
    loss();
    return std::move(list_);
  }

 private:
  void add(std::string name, Buffer::Type type, Shape shape, bool per_layer = false) {
    list_.push_back({std::move(name), type, std::move(shape), per_layer});
  }

  void batch() {
    for (const char* name : {"ids", "positions", "targets"}) add(name, Buffer::kInt32, {N_});
    if (s_.training) add("segments", Buffer::kInt32, {N_});
  }

  // The residual stream stays in float: it is a sum over all layers. Selective recomputation gives
  // up what is cheap to redo from what is kept (norms, the activation function); full keeps only
  // the blocks' inputs.
  void blocks() {
    const bool input = s_.training;
    const bool kept = s_.training && s_.recompute != Recompute::kFull;
    const bool cheap = s_.training && s_.recompute == Recompute::kOff;
    const std::int64_t C = c_.hidden_size;
    add("x_in", Buffer::kFloat, {N_, C}, input);
    norm("norm1", "mean1", "rstd1", cheap, kept);
    add("qkv", Buffer::kActivation, {N_, c_.qkv_size()}, kept);
    add("attention", Buffer::kActivation, {N_, c_.attention_size()}, kept);
    if (s_.training) add("lse", Buffer::kFloat, {s_.rows, c_.heads, s_.length}, kept);
    add("x_mid", Buffer::kFloat, {N_, C}, kept);
    norm("norm2", "mean2", "rstd2", cheap, kept);
    add("mlp_pre", Buffer::kActivation, {N_, up_size()}, kept);
    add("mlp_act", Buffer::kActivation, {N_, c_.intermediate_size}, cheap);
  }

  void norm(const char* out, const char* mean, const char* rstd, bool out_per_layer,
            bool statistics_per_layer) {
    add(out, Buffer::kActivation, {N_, c_.hidden_size}, out_per_layer);
    if (c_.norm == arch::Norm::kLayerNorm) add(mean, Buffer::kFloat, {N_}, statistics_per_layer);
    add(rstd, Buffer::kFloat, {N_}, statistics_per_layer);
  }

  void after_blocks() {
    add("x_final", Buffer::kFloat, {N_, c_.hidden_size});
    norm("norm_final", "mean_final", "rstd_final", false, false);
    add("delta", Buffer::kActivation, {N_, c_.hidden_size});
  }

  void gradients() {
    const std::int64_t C = c_.hidden_size, A = c_.attention_size();
    add("dresidual", Buffer::kFloat, {N_, C});
    if (s_.precision == Precision::kBf16Mixed) add("dresidual_act", Buffer::kActivation, {N_, C});
    add("dnorm", Buffer::kActivation, {N_, C});
    add("dattention", Buffer::kActivation, {N_, A});
    add("dqkv", Buffer::kActivation, {N_, c_.qkv_size()});
    add("dmlp_pre", Buffer::kActivation, {N_, up_size()});
    add("dmlp_act", Buffer::kActivation, {N_, c_.intermediate_size});
    if (s_.lookup_rows == 0) return;
    add("slots", Buffer::kInt32, {N_});
    add("lookup", Buffer::kFloat, {s_.lookup_rows, C});
  }

  // The gradient of the logits replaces them in place.
  void loss() {
    add("logits", s_.training ? Buffer::kActivation : Buffer::kFloat,
        {std::min(s_.loss_chunk_rows, N_), c_.vocab_size});
    add("losses", Buffer::kFloat, {N_});
  }

  std::int64_t up_size() const {
    return c_.gated ? 2 * c_.intermediate_size : c_.intermediate_size;
  }

  const arch::TransformerConfig& c_;
  const ActivationShape& s_;
  const std::int64_t N_;
  std::vector<Buffer> list_;
};

}  // namespace

std::vector<Buffer> activation_buffers(const arch::TransformerConfig& config,
                                       const ActivationShape& shape) {
  return BufferList(config, shape).list();
}

std::int64_t bytes_of(const Buffer& buffer, Precision precision) {
  std::int64_t bytes =
      buffer.type == Buffer::kActivation && precision == Precision::kBf16Mixed ? 2 : 4;
  for (const std::int64_t n : buffer.shape) bytes *= n;
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

std::vector<Buffer> activation_buffers(const arch::TransformerConfig& config, const Plan& plan) {
  ActivationShape shape;
  shape.rows = plan.shard_rows;
  shape.length = plan.length;
  shape.loss_chunk_rows = plan.loss_chunk_rows;
  shape.precision = plan.precision;
  shape.recompute = plan.recompute;
  // A tied embedding has gradients from the head and from lookups. In one buffer, the order of its
  // sums would depend on how many sequences a pass has.
  const std::int64_t rows_per_step = (plan.global_batch + plan.shards - 1) / plan.shards;
  if (config.tied && plan.embedding_trains) {
    shape.lookup_rows = std::min(config.vocab_size, rows_per_step * plan.length);
  }
  return activation_buffers(config, shape);
}

ActivationShape inference_shape(std::int64_t tokens, std::int64_t logit_rows, Precision precision) {
  ActivationShape shape;
  shape.rows = 1;
  shape.length = tokens;
  shape.loss_chunk_rows = logit_rows;
  shape.precision = precision;
  shape.training = false;
  return shape;
}

std::int64_t pages_for(std::int64_t tokens) {
  return (tokens + kPageTokens - 1) / kPageTokens;
}

std::int64_t padded_head_dim(const arch::TransformerConfig& config) {
  constexpr std::int64_t kLanes = 16;
  return (config.head_dim + kLanes - 1) / kLanes * kLanes;
}

std::int64_t page_bytes(const arch::TransformerConfig& config, std::int64_t layers,
                        Precision precision) {
  const std::int64_t size = precision == Precision::kBf16Mixed ? 2 : 4;
  return layers * kPageTokens * config.kv_heads * (config.head_dim + padded_head_dim(config)) *
         size;
}

}  // namespace llmops::plan
