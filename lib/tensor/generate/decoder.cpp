#include "tensor/generate/decoder.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/model/activations.h"

namespace llmops::tensor {

namespace {

Tensor to_device(std::span<const std::int32_t> ids, const at::TensorOptions& options) {
  Tensor host = at::empty({std::ssize(ids)}, at::kInt);
  std::copy(ids.begin(), ids.end(), host.data_ptr<std::int32_t>());
  return host.to(options.device());
}

std::vector<float> to_host(const Tensor& row) {
  const Tensor host = row.to(at::kCPU, at::kFloat).contiguous();
  const float* data = host.data_ptr<float>();
  return {data, data + host.numel()};
}

}  // namespace

Decoder::Decoder(const arch::TransformerConfig& config, const ModelTensors& weights, bool bf16)
    : config_(config),
      weights_(weights),
      kernels_(kernels_for(weights.token_embedding.device())),
      float_(weights.token_embedding.options().dtype(at::kFloat)),
      act_(float_.dtype(bf16 ? at::kBFloat16 : at::kFloat)),
      int_(float_.dtype(at::kInt)) {}

// A model may claim far more positions than its texts have.
void Decoder::extend_rope(std::int64_t length) {
  if (config_.positions != arch::Positions::kRope) return;
  if (rope_cos_.defined() && rope_cos_.size(0) >= length) return;
  rope_cos_ = at::empty({length, config_.head_dim / 2}, float_);
  rope_sin_ = at::empty_like(rope_cos_);
  fill_rope(rope_cos_, rope_sin_, config_.rope_theta, config_.head_dim);
}

KvCache Decoder::make_cache(std::int64_t capacity) {
  extend_rope(capacity);
  KvCache cache;
  cache.capacity = capacity;
  for (std::int64_t i = 0; i < config_.layers; ++i) {
    cache.keys.push_back(at::empty({config_.kv_heads, capacity, config_.head_dim}, act_));
    cache.values.push_back(at::empty({config_.kv_heads, capacity, config_.head_dim}, act_));
  }
  return cache;
}

// The blocks over `ids`; attend(layer, qkv, out) differs between prefill and step. Returns the
// final norm's output, act [N, C].
template <typename Attend>
Tensor Decoder::run(const Tensor& ids, const Tensor& positions, const Attend& attend) {
  const std::int64_t n = ids.numel(), c = config_.hidden_size, f = config_.intermediate_size;
  Tensor x = at::empty({n, c}, float_), norm = at::empty({n, c}, act_);
  Tensor mean = at::empty({n}, float_), rstd = at::empty({n}, float_);
  Tensor qkv = at::empty({n, config_.qkv_size()}, act_);
  Tensor attention = at::empty({n, config_.attention_size()}, act_);
  Tensor delta = at::empty({n, c}, act_);
  Tensor pre = at::empty({n, config_.gated ? 2 * f : f}, act_), act = at::empty({n, f}, act_);
  kernels_.embed(ids, positions, weights_.token_embedding, weights_.position_embedding, x);
  Tensor none;
  for (std::size_t layer = 0; layer < weights_.layers.size(); ++layer) {
    const Layer& w = weights_.layers[layer];
    kernels_.add_norm(config_.norm, x, layer == 0 ? none : delta, w.norm1.weight, w.norm1.bias,
                      config_.norm_eps, x, norm, mean, rstd);
    kernels_.linear(norm, w.qkv.weight, w.qkv.bias, qkv);
    if (rope_cos_.defined()) {
      kernels_.rope(qkv, positions, rope_cos_, rope_sin_, config_.heads, config_.kv_heads, false);
    }
    attend(layer, qkv, attention);
    kernels_.linear(attention, w.out.weight, w.out.bias, delta);
    kernels_.add_norm(config_.norm, x, delta, w.norm2.weight, w.norm2.bias, config_.norm_eps, x,
                      norm, mean, rstd);
    kernels_.linear_activation(norm, w.up.weight, w.up.bias, config_.activation, config_.gated, pre,
                               act);
    kernels_.linear(act, w.down.weight, w.down.bias, delta);
  }
  kernels_.add_norm(config_.norm, x, delta, weights_.final_norm.weight, weights_.final_norm.bias,
                    config_.norm_eps, x, norm, mean, rstd);
  return norm;
}

std::vector<float> Decoder::prefill(KvCache& cache, std::span<const std::int32_t> ids) {
  const std::int64_t n = std::ssize(ids);
  LLMOPS_CHECK(cache.length == 0 && n > 0 && n <= cache.capacity);
  const AttentionShape shape{
      1,
      n,
      config_.heads,
      config_.kv_heads,
      config_.head_dim,
      config_.sliding_window,
      static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.head_dim))),
      {}};
  Tensor lse = at::empty({1, config_.heads, n}, float_);
  const Tensor norm =
      run(to_device(ids, int_), at::arange(n, int_),
          [&](std::size_t layer, const Tensor& qkv, Tensor& out) {
            kernels_.attention(shape, qkv, {}, out, lse);
            const Tensor kv =
                qkv.narrow(1, config_.attention_size(), 2 * config_.kv_heads * config_.head_dim)
                    .view({n, 2, config_.kv_heads, config_.head_dim});
            cache.keys[layer].narrow(1, 0, n).copy_(kv.select(1, 0).transpose(0, 1));
            cache.values[layer].narrow(1, 0, n).copy_(kv.select(1, 1).transpose(0, 1));
          });
  Tensor logits = at::empty({1, config_.vocab_size}, act_);
  kernels_.linear(norm.narrow(0, n - 1, 1), weights_.head.weight, {}, logits);
  std::vector<float> row = to_host(logits);
  cache.length = n;
  return row;
}

// One query against the cache that already holds its own key.
void Decoder::attend_cached(const Tensor& qkv, KvCache& cache, std::size_t layer,
                            Tensor& out) const {
  const std::int64_t k = config_.kv_heads, d = config_.head_dim, group = config_.heads / k;
  const std::int64_t at = cache.length, hd = config_.attention_size();
  cache.keys[layer].select(1, at).copy_(qkv.narrow(0, hd, k * d).view({k, d}));
  cache.values[layer].select(1, at).copy_(qkv.narrow(0, hd + k * d, k * d).view({k, d}));
  const std::int64_t window = config_.sliding_window;
  const std::int64_t first = window > 0 ? std::max<std::int64_t>(0, at + 1 - window) : 0;
  const Tensor keys = cache.keys[layer].narrow(1, first, at + 1 - first);
  const Tensor values = cache.values[layer].narrow(1, first, at + 1 - first);
  const Tensor query = qkv.narrow(0, 0, hd).view({k, group, d});
  const Tensor scores =
      at::bmm(query, keys.transpose(1, 2)).to(at::kFloat).div_(std::sqrt(static_cast<double>(d)));
  out.copy_(at::bmm(at::softmax(scores, -1).to(values.scalar_type()), values).view({hd}));
}

std::vector<std::vector<float>> Decoder::step(std::span<KvCache* const> caches,
                                              std::span<const std::int32_t> ids) {
  std::vector<std::int32_t> places;
  for (const KvCache* cache : caches) {
    LLMOPS_CHECK(cache->length < cache->capacity);
    places.push_back(static_cast<std::int32_t>(cache->length));
  }
  const Tensor norm = run(to_device(ids, int_), to_device(places, int_),
                          [&](std::size_t layer, const Tensor& qkv, Tensor& out) {
                            for (std::size_t i = 0; i < caches.size(); ++i) {
                              const auto row = static_cast<std::int64_t>(i);
                              Tensor into = out.select(0, row);
                              attend_cached(qkv.select(0, row), *caches[i], layer, into);
                            }
                          });
  Tensor logits = at::empty({std::ssize(ids), config_.vocab_size}, act_);
  kernels_.linear(norm, weights_.head.weight, {}, logits);
  std::vector<std::vector<float>> rows;
  for (std::int64_t i = 0; i < std::ssize(ids); ++i) rows.push_back(to_host(logits.select(0, i)));
  for (KvCache* cache : caches) ++cache->length;
  return rows;
}

}  // namespace llmops::tensor
