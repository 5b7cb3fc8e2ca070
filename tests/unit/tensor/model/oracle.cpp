#include "tests/unit/tensor/model/oracle.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <limits>

#include "tensor/kernels/aten/aten.h"

// Legend: B rows, T tokens, C hidden, H heads, K key/value heads, D head size.
namespace llmops::tensor {

namespace {

using arch::Part;

Tensor longs(const std::vector<std::int32_t>& values, const data::Batch& batch) {
  return at::tensor(std::vector<std::int64_t>(values.begin(), values.end()))
      .view({batch.rows, batch.length});
}

struct Formula {
  const arch::TransformerConfig& config;
  const arch::ParameterLayout layout = arch::parameter_layout(config);
  const Tensor leaf;  // all weights, float64
  const data::Batch& batch;
  const PassContext& place;
  const std::int64_t B = batch.rows, T = batch.length, D = config.head_dim;

  Tensor weight(Part part, int layer, bool bias = false) const {
    const arch::Parameter* p = layout.find(part, layer, bias);
    return p ? leaf.narrow(0, p->offset, p->size).view(p->shape) : Tensor();
  }

  Tensor rows_of(const Tensor& table, const std::vector<std::int32_t>& rows) const {
    return table.index_select(0, longs(rows, batch).view(-1)).view({B, T, config.hidden_size});
  }

  Tensor linear(const Tensor& x, Part part, int layer) const {
    const Tensor bias = weight(part, layer, true), y = at::matmul(x, weight(part, layer).t());
    return bias.defined() ? y + bias : y;
  }

  Tensor norm(const Tensor& x, Part part, int layer) const {
    const bool centred = config.norm == arch::Norm::kLayerNorm;
    const Tensor c = centred ? x - x.mean(-1, true) : x;
    const Tensor y =
        c * at::rsqrt(c.square().mean(-1, true) + config.norm_eps) * weight(part, layer);
    const Tensor bias = weight(part, layer, true);
    return bias.defined() ? y + bias : y;
  }

  // `site` counts from 0: the embedding, then three places in each layer. The masks are constants
  // here, those of the kernels: tests of the kernels look into them.
  Tensor drop(const Tensor& x, std::uint64_t site) const {
    if (place.dropout == 0) return x;
    const std::int64_t columns = x.size(-1), rows = x.numel() / columns;
    const DropoutKey key{place.dropout, place.seed, place.step, site, 0};
    return x * aten::dropout_scales(key, rows, columns, x).view(x.sizes());
  }

  // [B, heads, T, D], halves (x1, x2) turned to (x1 cos - x2 sin, x2 cos + x1 sin).
  Tensor rotate(const Tensor& x) const {
    if (config.positions != arch::Positions::kRope) return x;
    const Tensor exponents = at::arange(D / 2, at::kDouble) * (-2.0 / static_cast<double>(D));
    const Tensor angles =
        longs(batch.positions, batch).unsqueeze(-1) * at::pow(config.rope_theta, exponents);
    const Tensor cos = angles.cos().unsqueeze(1), sin = angles.sin().unsqueeze(1);
    const Tensor a = x.narrow(-1, 0, D / 2), b = x.narrow(-1, D / 2, D / 2);
    return at::cat({a * cos - b * sin, b * cos + a * sin}, -1);
  }

  Tensor attention(const Tensor& x, int layer) const {
    const std::int64_t H = config.heads, K = config.kv_heads;
    const Tensor qkv = linear(x, Part::kQkv, layer).view({B, T, H + 2 * K, D}).transpose(1, 2);
    const Tensor q = rotate(qkv.narrow(1, 0, H));
    const Tensor k = rotate(qkv.narrow(1, H, K)).repeat_interleave(H / K, 1);
    const Tensor v = qkv.narrow(1, H + K, K).repeat_interleave(H / K, 1);

    const Tensor token = at::arange(T, at::kLong);
    const Tensor query = token.unsqueeze(1), key = token.unsqueeze(0);
    Tensor seen =
        (key <= query)
            .logical_and(key >= longs(batch.segment_start, batch).unsqueeze(-1));  // [B, T, T]
    if (config.sliding_window > 0) seen = seen.logical_and(query - key < config.sliding_window);
    const Tensor scores = at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(D));
    const Tensor weights = at::softmax(scores.masked_fill(seen.logical_not().unsqueeze(1),
                                                          -std::numeric_limits<double>::infinity()),
                                       -1);
    const Tensor mixed = at::matmul(drop(weights, 3 * static_cast<std::uint64_t>(layer) + 1), v)
                             .transpose(1, 2)
                             .reshape({B, T, H * D});
    return linear(mixed, Part::kOut, layer);
  }

  Tensor mlp(const Tensor& x, int layer) const {
    const Tensor up = linear(x, Part::kUp, layer);
    const std::int64_t F = config.intermediate_size;
    const Tensor in = config.gated ? up.narrow(-1, 0, F) : up;
    Tensor out = config.activation == arch::Activation::kSilu   ? at::silu(in)
                 : config.activation == arch::Activation::kGelu ? at::gelu(in, "none")
                                                                : at::gelu(in, "tanh");
    if (config.gated) out = out * up.narrow(-1, F, F);
    return linear(out, Part::kDown, layer);
  }

  Tensor logits() const {
    Tensor x = rows_of(weight(Part::kTokenEmbedding, -1), batch.inputs);
    const Tensor positions = weight(Part::kPositionEmbedding, -1);
    if (positions.defined()) x = x + rows_of(positions, batch.positions);
    x = drop(x, 0);
    for (int i = 0; i < config.layers; ++i) {
      const std::uint64_t site = 3 * static_cast<std::uint64_t>(i);
      x = x + drop(attention(norm(x, Part::kNorm1, i), i), site + 2);
      x = x + drop(mlp(norm(x, Part::kNorm2, i), i), site + 3);
    }
    x = norm(x, Part::kFinalNorm, -1);
    const Part head = config.tied ? Part::kTokenEmbedding : Part::kHead;
    return at::matmul(x, weight(head, -1).t()).view({B * T, config.vocab_size});
  }
};

}  // namespace

Reference reference(const arch::TransformerConfig& config, const Tensor& flat,
                    const data::Batch& batch, double scale, const PassContext& dropout) {
  const at::AutoGradMode differentiate(true);
  const Tensor leaf = flat.to(at::kDouble, false, true).set_requires_grad(true);
  const Formula formula{.config = config, .leaf = leaf, .batch = batch, .place = dropout};
  const Tensor logits = formula.logits();
  const Tensor targets = longs(batch.targets, batch).view({-1, 1});
  const Tensor losses = -at::log_softmax(logits, 1).gather(1, targets.clamp_min(0));
  const Tensor sum = losses.masked_fill(targets < 0, 0).sum();
  (sum * scale).backward();
  return {logits.detach(), sum.item<double>(), leaf.grad()};
}

}  // namespace llmops::tensor
