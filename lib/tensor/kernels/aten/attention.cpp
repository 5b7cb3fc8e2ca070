#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>

#include "tensor/kernels/aten/aten.h"
#include "tensor/kernels/dropout_mask.h"

// Softmax attention written out, one row of the batch at a time so that the T x T weights exist
// for H heads only. Legend: kernels.h.
namespace llmops::tensor::aten {
namespace {

struct Heads {
  Tensor q, k, v;  // float [H, T, D]; k and v repeated for their query heads
};

Tensor repeat_kv(const Tensor& x, std::int64_t times) {
  if (times == 1) return x;
  return x.unsqueeze(1)
      .expand({x.size(0), times, x.size(1), x.size(2)})
      .reshape({x.size(0) * times, x.size(1), x.size(2)});
}

Heads split(const AttentionShape& s, const Tensor& qkv, std::int64_t b) {
  const Tensor rows = qkv.narrow(0, b * s.length, s.length)
                          .view({s.length, s.heads + 2 * s.kv_heads, s.head_dim})
                          .transpose(0, 1)
                          .to(at::kFloat);
  const std::int64_t groups = s.heads / s.kv_heads;
  return {rows.narrow(0, 0, s.heads), repeat_kv(rows.narrow(0, s.heads, s.kv_heads), groups),
          repeat_kv(rows.narrow(0, s.heads + s.kv_heads, s.kv_heads), groups)};
}

// True where query t must not see the key: bool [T, T].
Tensor hidden(const AttentionShape& s, const Tensor& segment_start, std::int64_t b,
              const Tensor& like) {
  const Tensor position = at::arange(s.length, like.options().dtype(at::kInt));
  const Tensor query = position.unsqueeze(1), key = position.unsqueeze(0);
  Tensor mask = key > query;
  if (s.window > 0) mask.logical_or_(key < query - (s.window - 1));
  if (segment_start.defined()) mask.logical_or_(key < segment_start.select(0, b).unsqueeze(1));
  return mask;
}

Tensor scores(const AttentionShape& s, const Heads& heads, const Tensor& mask) {
  return at::matmul(heads.q * s.scale, heads.k.transpose(1, 2))
      .masked_fill_(mask, -std::numeric_limits<float>::infinity());
}

// Scales of the attention weights of one row, [H, T, T]; undefined without dropout.
Tensor weight_scales(const AttentionShape& s, std::int64_t b, const Tensor& like) {
  if (dropout_mask(s.dropout).threshold == 0) return {};
  DropoutKey key = s.dropout;
  key.first_row += b * s.heads * s.length;
  return dropout_scales(key, s.heads * s.length, s.length, like)
      .view({s.heads, s.length, s.length});
}

}  // namespace

void attention(const AttentionShape& s, const Tensor& qkv, const Tensor& segment_start, Tensor& out,
               Tensor& lse) {
  for (std::int64_t b = 0; b < s.batch; ++b) {
    const Heads heads = split(s, qkv, b);
    const Tensor score = scores(s, heads, hidden(s, segment_start, b, qkv));
    const Tensor row_lse = at::logsumexp(score, {-1}, true);
    lse.select(0, b).copy_(row_lse.squeeze(-1));
    Tensor weight = (score - row_lse).exp_();
    if (const Tensor kept = weight_scales(s, b, qkv); kept.defined()) weight.mul_(kept);
    out.narrow(0, b * s.length, s.length)
        .view({s.length, s.heads, s.head_dim})
        .copy_(at::matmul(weight, heads.v).transpose(0, 1));
  }
}

void attention_backward(const AttentionShape& s, const Tensor& qkv, const Tensor& segment_start,
                        const Tensor& out, const Tensor& lse, const Tensor& dout, Tensor& dqkv) {
  for (std::int64_t b = 0; b < s.batch; ++b) {
    const Heads heads = split(s, qkv, b);
    const auto rows = [&](const Tensor& x) {
      return x.narrow(0, b * s.length, s.length)
          .view({s.length, s.heads, s.head_dim})
          .transpose(0, 1)
          .to(at::kFloat);
    };
    const Tensor grad = rows(dout);
    const Tensor score = scores(s, heads, hidden(s, segment_start, b, qkv));
    const Tensor weight = (score - lse.select(0, b).unsqueeze(-1)).exp_();
    const Tensor kept = weight_scales(s, b, qkv);
    const Tensor dv = at::matmul((kept.defined() ? weight * kept : weight).transpose(1, 2), grad);
    Tensor dweight = at::matmul(grad, heads.v.transpose(1, 2));
    if (kept.defined()) dweight.mul_(kept);
    const Tensor dscore = weight * (dweight - (grad * rows(out)).sum(-1, true)) * s.scale;
    const Tensor dq = at::matmul(dscore, heads.k);
    const Tensor dk = at::matmul(dscore.transpose(1, 2), heads.q);
    Tensor to = dqkv.narrow(0, b * s.length, s.length)
                    .view({s.length, s.heads + 2 * s.kv_heads, s.head_dim})
                    .transpose(0, 1);
    const auto sum_groups = [&](const Tensor& x) {
      return x.view({s.kv_heads, s.heads / s.kv_heads, s.length, s.head_dim}).sum(1);
    };
    to.narrow(0, 0, s.heads).copy_(dq);
    to.narrow(0, s.heads, s.kv_heads).copy_(sum_groups(dk));
    to.narrow(0, s.heads + s.kv_heads, s.kv_heads).copy_(sum_groups(dv));
  }
}

}  // namespace llmops::tensor::aten
