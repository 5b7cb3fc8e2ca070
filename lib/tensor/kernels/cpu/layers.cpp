#include "tensor/kernels/cpu/cpu.h"
#include "tensor/kernels/cpu/tensors.h"
#include "tensor/kernels/dropout_mask.h"

namespace llmops::tensor::cpu {

void embed(const Tensor& ids, const Tensor& positions, const Tensor& wte, const Tensor& wpe,
           Tensor& out) {
  LLMOPS_CHECK(out.numel() == ids.numel() * wte.size(1));
  raw().embed(ids.numel(), wte.size(1), ints(ids), wpe.defined() ? ints(positions) : nullptr,
              act(wte), act_or_null(wpe), floats(out));
}

void embed_backward(const Tensor& ids, const Tensor& positions, const Tensor& dout, Tensor& dwte,
                    Tensor& dwpe) {
  const auto add = [&](const Tensor& rows, Tensor& table) {
    if (!table.defined()) return;
    LLMOPS_CHECK(dout.numel() == rows.numel() * table.size(1));
    raw().embed_backward(rows.numel(), table.size(1), ints(rows), floats(dout), floats(table));
  };
  add(ids, dwte);
  add(positions, dwpe);
}

void add_norm(arch::Norm kind, const Tensor& residual, const Tensor& delta, const Tensor& weight,
              const Tensor& bias, double eps, Tensor& sum, Tensor& y, Tensor& mean, Tensor& rstd) {
  const bool layer_norm = kind == arch::Norm::kLayerNorm;
  LLMOPS_CHECK(y.numel() == sum.numel() && weight.numel() == y.size(-1));
  LLMOPS_CHECK(delta.defined() ? delta.scalar_type() == y.scalar_type()
                               : sum.data_ptr() == residual.data_ptr());
  raw().add_norm({.layer_norm = layer_norm,
                  .rows = y.numel() / y.size(-1),
                  .columns = y.size(-1),
                  .residual = floats(residual),
                  .delta = act_or_null(delta),
                  .weight = floats(weight),
                  .bias = floats_or_null(bias),
                  .eps = static_cast<float>(eps),
                  .sum = floats(sum),
                  .y = act(y),
                  .mean = layer_norm ? floats(mean) : nullptr,
                  .rstd = floats(rstd)});
}

void norm_backward(arch::Norm kind, const Tensor& dy, const Tensor& sum, const Tensor& weight,
                   const Tensor& mean, const Tensor& rstd, std::int64_t length, Tensor& dsum,
                   Tensor& dweight, Tensor& dbias, Tensor& dsum_act) {
  const bool layer_norm = kind == arch::Norm::kLayerNorm;
  LLMOPS_CHECK(dy.numel() == sum.numel() && dsum.numel() == sum.numel());
  LLMOPS_CHECK(length > 0 && dy.numel() / dy.size(-1) % length == 0);
  LLMOPS_CHECK(!dsum_act.defined() || dsum_act.scalar_type() == dy.scalar_type());
  raw().norm_backward({.layer_norm = layer_norm,
                       .rows = dy.numel() / dy.size(-1),
                       .columns = dy.size(-1),
                       .length = length,
                       .dy = act(dy),
                       .sum = floats(sum),
                       .weight = floats(weight),
                       .mean = layer_norm ? floats(mean) : nullptr,
                       .rstd = floats(rstd),
                       .dsum = floats(dsum),
                       .dweight = floats_or_null(dweight),
                       .dbias = floats_or_null(dbias),
                       .dsum_act = act_or_null(dsum_act)});
}

void rope(Tensor& qkv, const Tensor& positions, const Tensor& cos, const Tensor& sin,
          std::int64_t heads, std::int64_t kv_heads, bool inverse) {
  const Index head_dim = 2 * cos.size(1);
  LLMOPS_CHECK(qkv.size(-1) == (heads + 2 * kv_heads) * head_dim);
  raw().rope(act(qkv), ints(positions), floats(cos), floats(sin), positions.numel(),
             heads + kv_heads, qkv.size(-1), head_dim, inverse);
}

namespace {

AttentionCall attention_call(const AttentionShape& shape, const Tensor& qkv,
                             const Segments& segments, const Tensor& out, const Tensor& lse) {
  LLMOPS_CHECK(qkv.numel() ==
               shape.batch * shape.length * (shape.heads + 2 * shape.kv_heads) * shape.head_dim);
  LLMOPS_CHECK(out.numel() == shape.batch * shape.length * shape.heads * shape.head_dim);
  LLMOPS_CHECK(out.scalar_type() == qkv.scalar_type());
  LLMOPS_CHECK(lse.numel() == shape.batch * shape.heads * shape.length);
  return {.batch = shape.batch,
          .length = shape.length,
          .heads = shape.heads,
          .kv_heads = shape.kv_heads,
          .head_dim = shape.head_dim,
          .window = shape.window,
          .scale = shape.scale,
          .dropout = dropout_mask(shape.dropout),
          .qkv = act(qkv),
          .segment_start = segments.defined() ? ints(segments.start) : nullptr,
          .out = act(out),
          .lse = floats(lse)};
}

}  // namespace

void attention(const AttentionShape& shape, const Tensor& qkv, const Segments& segments,
               Tensor& out, Tensor& lse) {
  raw().attention(attention_call(shape, qkv, segments, out, lse));
}

void attention_backward(const AttentionShape& shape, const Tensor& qkv, const Segments& segments,
                        const Tensor& out, const Tensor& lse, const Tensor& dout, Tensor& dqkv) {
  AttentionCall call = attention_call(shape, qkv, segments, out, lse);
  LLMOPS_CHECK(dout.numel() == out.numel() && dqkv.numel() == qkv.numel());
  LLMOPS_CHECK(dout.scalar_type() == qkv.scalar_type() && dqkv.scalar_type() == qkv.scalar_type());
  call.dout = act(dout);
  call.dqkv = act(dqkv);
  raw().attention_backward(call);
}

void attention_cached(const CachedAttentionShape& shape, const Tensor& qkv,
                      const CachedSequences& sequences, Tensor& keys, Tensor& values, Tensor& out) {
  const Index count = sequences.starts.numel();
  LLMOPS_CHECK(sequences.offsets.numel() == count + 1 && sequences.pages.size(0) == count);
  LLMOPS_CHECK(qkv.size(-1) == (shape.heads + 2 * shape.kv_heads) * shape.head_dim);
  LLMOPS_CHECK(out.numel() == qkv.size(0) * shape.heads * shape.head_dim);
  const CachedAttentionCall call{.sequences = count,
                                 .heads = shape.heads,
                                 .kv_heads = shape.kv_heads,
                                 .head_dim = shape.head_dim,
                                 .window = shape.window,
                                 .scale = shape.scale,
                                 .qkv = act(qkv),
                                 .offsets = ints(sequences.offsets),
                                 .starts = ints(sequences.starts),
                                 .pages = ints(sequences.pages),
                                 .page_stride = sequences.pages.size(1),
                                 .keys = act(keys),
                                 .values = act(values),
                                 .out = act(out)};
  LLMOPS_CHECK(keys.size(2) == shape.head_dim && keys.size(3) == kPageTokens);
  LLMOPS_CHECK(values.size(2) == kPageTokens && values.size(3) == call.padded_dim());
  LLMOPS_CHECK(call.keys.bf16 == call.qkv.bf16 && call.values.bf16 == call.qkv.bf16 &&
               call.out.bf16 == call.qkv.bf16);
  raw().attention_cached(call);
}

void dropout(Tensor& x, const DropoutKey& key) {
  raw().dropout(act(x), x.numel() / x.size(-1), x.size(-1), dropout_mask(key));
}

}  // namespace llmops::tensor::cpu
