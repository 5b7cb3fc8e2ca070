#include <ATen/TensorOperators.h>
#include <ATen/ops/_efficient_attention_backward.h>
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_put.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <limits>
#include <optional>
#include <tuple>

#include "tensor/kernels/aten/aten.h"
#include "tensor/kernels/dropout_mask.h"

// Attention by the fused kernels of ATen where there is one: flash attention for bfloat16 on a GPU,
// memory-efficient attention for float there, the CPU's flash attention here. What none of them
// does (dropout with masks of ours, windows in float, packed documents on a CPU) is written out,
// one row of the batch at a time so that the T x T weights exist for H heads only. Legend:
// kernels.h.
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

void written_out(const AttentionShape& s, const Tensor& qkv, const Tensor& segment_start,
                 Tensor& out, Tensor& lse) {
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

void written_out_backward(const AttentionShape& s, const Tensor& qkv, const Tensor& segment_start,
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

// Queries, keys and values of all rows: views [B, T, heads, D].
struct Parts {
  Tensor q, k, v;

  Parts(const AttentionShape& s, const Tensor& qkv) {
    const Tensor all = qkv.view({s.batch, s.length, s.heads + 2 * s.kv_heads, s.head_dim});
    q = all.narrow(2, 0, s.heads);
    k = all.narrow(2, s.heads, s.kv_heads);
    v = all.narrow(2, s.heads + s.kv_heads, s.kv_heads);
  }
};

// x [..., K, D] with each head as often as queries read it: [..., H, D].
Tensor for_each_query_head(const AttentionShape& s, const Tensor& x) {
  return s.heads == s.kv_heads ? x : x.repeat_interleave(s.heads / s.kv_heads, -2);
}
// The sum over the queries' heads that read the same one: from [..., H, D] to [..., K, D].
Tensor sum_query_heads(const AttentionShape& s, const Tensor& x) {
  if (s.heads == s.kv_heads) return x;
  return x.unflatten(-2, {s.kv_heads, s.heads / s.kv_heads}).sum(-2);
}

void write_gradients(const AttentionShape& s, const Tensor& dq, const Tensor& dk, const Tensor& dv,
                     Tensor& dqkv) {
  Parts to(s, dqkv);
  to.q.copy_(dq.view_as(to.q));
  to.k.copy_(dk.view_as(to.k));
  to.v.copy_(dv.view_as(to.v));
}

bool drops(const AttentionShape& s) {
  return dropout_mask(s.dropout).threshold != 0;
}

// FlashAttention-2 (Dao 2023). Documents are sequences of different lengths, one after the other.
struct Flash {
  static bool fits(const AttentionShape& s, const Tensor& qkv, const Segments& segments) {
    return qkv.is_cuda() && qkv.scalar_type() == at::kBFloat16 && !drops(s) &&
           s.head_dim % 8 == 0 && s.head_dim <= 256 &&
           (!segments.defined() || segments.offsets.defined());
  }

  const AttentionShape& s;
  const Segments& segments;
  Parts x;
  std::optional<std::int64_t> window_left, window_right;
  std::int64_t longest;

  Flash(const AttentionShape& shape, const Tensor& qkv, const Segments& all)
      : s(shape),
        segments(all),
        x(shape, qkv),
        longest(all.defined() ? all.longest : shape.length) {
    if (s.window > 0) {
      window_left = s.window - 1;
      window_right = 0;
    }
    if (!segments.defined()) return;
    for (Tensor* part : {&x.q, &x.k, &x.v}) *part = flat(*part);
  }
  static Tensor flat(const Tensor& rows) { return rows.flatten(0, 1); }

  void forward(Tensor& out, Tensor& lse) const {
    std::optional<Tensor> offsets;
    if (segments.defined()) offsets = segments.offsets;
    const auto result =
        at::_flash_attention_forward(x.q, x.k, x.v, offsets, offsets, longest, longest, 0.0, true,
                                     false, s.scale, window_left, window_right);
    out.copy_(std::get<0>(result).reshape(out.sizes()));
    const Tensor& sums = std::get<1>(result);  // [B, H, T], or [H, B T] of documents
    lse.copy_(segments.defined() ? sums.view({s.heads, s.batch, s.length}).transpose(0, 1) : sums);
  }
  void backward(const Tensor& out, const Tensor& lse, const Tensor& dout, Tensor& dqkv) const {
    const Tensor none = at::empty({0}, x.q.options());
    const Tensor no_state = at::zeros({2}, x.q.options().dtype(at::kUInt64));
    const auto shaped = [&](const Tensor& rows) { return rows.view(x.q.sizes()); };
    const Tensor sums =
        segments.defined() ? lse.transpose(0, 1).reshape({s.heads, s.batch * s.length}) : lse;
    const Tensor offsets = segments.defined() ? segments.offsets : Tensor();
    const auto [dq, dk, dv] = at::_flash_attention_backward(
        shaped(dout), x.q, x.k, x.v, shaped(out), sums, offsets, offsets, longest, longest, 0.0,
        true, no_state, none, s.scale, window_left, window_right);
    write_gradients(s, dq, dk, dv, dqkv);
  }
};

// Memory-efficient attention (Rabe and Staats 2021, as in xFormers), in float. The sums that its
// backward reads have a layout of their own: they are computed again there.
struct Efficient {
  static bool fits(const AttentionShape& s, const Tensor& qkv, const Segments& segments) {
    return qkv.is_cuda() && !drops(s) && s.window == 0 &&
           (!segments.defined() || segments.offsets.defined());
  }
  static constexpr std::int64_t kCausal = 1;

  const AttentionShape& s;
  Parts x;
  std::optional<Tensor> offsets;
  std::optional<std::int64_t> longest;

  Efficient(const AttentionShape& shape, const Tensor& qkv, const Segments& segments)
      : s(shape), x(shape, qkv) {
    x.k = for_each_query_head(s, x.k);
    x.v = for_each_query_head(s, x.v);
    if (!segments.defined()) return;
    offsets = segments.offsets;
    longest = segments.longest;
    for (Tensor* part : {&x.q, &x.k, &x.v}) *part = part->flatten(0, 1).unsqueeze(0);
  }

  auto run(bool with_sums) const {
    return at::_efficient_attention_forward(x.q, x.k, x.v, std::nullopt, offsets, offsets, longest,
                                            longest, 0.0, kCausal, with_sums, s.scale);
  }
  void forward(Tensor& out) const { out.copy_(std::get<0>(run(false)).reshape(out.sizes())); }
  void backward(const Tensor& dout, Tensor& dqkv) const {
    const auto again = run(true);
    const std::int64_t most = longest.value_or(s.length);
    const auto [dq, dk, dv, unused] = at::_efficient_attention_backward(
        dout.view(x.q.sizes()), x.q, x.k, x.v, std::nullopt, std::get<0>(again), offsets, offsets,
        most, most, std::get<1>(again), 0.0, std::get<2>(again), std::get<3>(again), kCausal, false,
        s.scale);
    write_gradients(s, dq, sum_query_heads(s, dk), sum_query_heads(s, dv), dqkv);
  }
};

// The CPU's flash attention, which wants [B, heads, T, D].
struct FlashOnCpu {
  static bool fits(const AttentionShape& s, const Tensor& qkv, const Segments& segments) {
    return qkv.is_cpu() && !drops(s) && s.window == 0 && !segments.defined();
  }

  const AttentionShape& s;
  Tensor q, k, v;

  FlashOnCpu(const AttentionShape& shape, const Tensor& qkv) : s(shape) {
    const Parts x(shape, qkv);
    q = x.q.transpose(1, 2);
    k = for_each_query_head(s, x.k).transpose(1, 2);
    v = for_each_query_head(s, x.v).transpose(1, 2);
  }
  Tensor heads_first(const Tensor& rows) const {
    return rows.view({s.batch, s.length, s.heads, s.head_dim}).transpose(1, 2);
  }

  void forward(Tensor& out, Tensor& lse) const {
    const auto [result, sums] =
        at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, true, std::nullopt, s.scale);
    // It takes a score that is not a number for one of a hidden key; zeros times q bring it back.
    out.copy_((result + q * 0).transpose(1, 2).reshape(out.sizes()));
    lse.copy_(sums);
  }
  void backward(const Tensor& out, const Tensor& lse, const Tensor& dout, Tensor& dqkv) const {
    const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        heads_first(dout), q, k, v, heads_first(out), lse, 0.0, true, std::nullopt, s.scale);
    write_gradients(s, dq.transpose(1, 2), sum_query_heads(s, dk.transpose(1, 2)),
                    sum_query_heads(s, dv.transpose(1, 2)), dqkv);
  }
};

}  // namespace

void attention(const AttentionShape& s, const Tensor& qkv, const Segments& segments, Tensor& out,
               Tensor& lse) {
  if (Flash::fits(s, qkv, segments)) return Flash(s, qkv, segments).forward(out, lse);
  if (Efficient::fits(s, qkv, segments)) return Efficient(s, qkv, segments).forward(out);
  if (FlashOnCpu::fits(s, qkv, segments)) return FlashOnCpu(s, qkv).forward(out, lse);
  written_out(s, qkv, segments.start, out, lse);
}

void attention_backward(const AttentionShape& s, const Tensor& qkv, const Segments& segments,
                        const Tensor& out, const Tensor& lse, const Tensor& dout, Tensor& dqkv) {
  if (Flash::fits(s, qkv, segments)) {
    return Flash(s, qkv, segments).backward(out, lse, dout, dqkv);
  }
  if (Efficient::fits(s, qkv, segments)) return Efficient(s, qkv, segments).backward(dout, dqkv);
  if (FlashOnCpu::fits(s, qkv, segments)) {
    return FlashOnCpu(s, qkv).backward(out, lse, dout, dqkv);
  }
  written_out_backward(s, qkv, segments.start, out, lse, dout, dqkv);
}

// One sequence after the other, its keys and values gathered from their pages.
void attention_cached(const CachedAttentionShape& s, const Tensor& qkv,
                      const CachedSequences& sequences, Tensor& keys, Tensor& values, Tensor& out) {
  const std::int64_t page_tokens = keys.size(3), kv = s.kv_heads * s.head_dim;
  const auto at_host = [](const Tensor& table, std::int64_t i) {
    return std::int64_t{table.data_ptr<std::int32_t>()[i]};
  };
  for (std::int64_t i = 0; i < sequences.starts.numel(); ++i) {
    const std::int64_t begin = at_host(sequences.offsets, i), start = at_host(sequences.starts, i);
    const std::int64_t count = at_host(sequences.offsets, i + 1) - begin, total = start + count;
    const Tensor rows = qkv.narrow(0, begin, count);
    const Tensor pages = sequences.pages.select(0, i)
                             .narrow(0, 0, (total + page_tokens - 1) / page_tokens)
                             .to(qkv.device(), at::kLong);
    const Tensor position = at::arange(start, total, pages.options());
    const Tensor page = pages.index_select(0, position.floor_divide(page_tokens));
    const Tensor slot = position.remainder(page_tokens);
    const auto heads_of = [&](std::int64_t from) {
      return rows.narrow(1, from, kv).view({count, s.kv_heads, s.head_dim});
    };
    const std::int64_t queries = s.heads * s.head_dim;
    keys.permute({0, 3, 1, 2}).index_put_({page, slot}, heads_of(queries));
    values.permute({0, 2, 1, 3})
        .narrow(3, 0, s.head_dim)
        .index_put_({page, slot}, heads_of(queries + kv));
    // [K, total, D] in float, repeated for the query heads.
    const auto gathered = [&](const Tensor& all) {
      const Tensor heads = all.reshape({s.kv_heads, -1, s.head_dim}).narrow(1, 0, total);
      return repeat_kv(heads.to(at::kFloat), s.heads / s.kv_heads);
    };
    const Tensor k = gathered(keys.index_select(0, pages).permute({1, 0, 3, 2}));
    const Tensor v =
        gathered(values.index_select(0, pages).permute({1, 0, 2, 3}).narrow(3, 0, s.head_dim));
    const Tensor q = rows.narrow(1, 0, queries)
                         .view({count, s.heads, s.head_dim})
                         .transpose(0, 1)
                         .to(at::kFloat);
    const Tensor query = position.unsqueeze(1), key = at::arange(total, pages.options());
    Tensor mask = key > query;
    if (s.window > 0) mask.logical_or_(key <= query - s.window);
    const Tensor weight =
        at::softmax(at::matmul(q * s.scale, k.transpose(1, 2))
                        .masked_fill_(mask, -std::numeric_limits<float>::infinity()),
                    -1);
    out.narrow(0, begin, count)
        .view({count, s.heads, s.head_dim})
        .copy_(at::matmul(weight, v).transpose(0, 1));
  }
}

}  // namespace llmops::tensor::aten
