#include <ATen/TensorOperators.h>
#include <ATen/ops/_fused_rms_norm.h>
#include <ATen/ops/_fused_rms_norm_backward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/embedding_dense_backward.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <optional>
#include <tuple>

#include "tensor/kernels/aten/aten.h"
#include "tensor/kernels/dropout_mask.h"

namespace llmops::tensor::aten {
namespace {

std::optional<Tensor> optional(const Tensor& x) {
  return x.defined() ? std::optional(x) : std::nullopt;
}

}  // namespace

void embed(const Tensor& ids, const Tensor& positions, const Tensor& wte, const Tensor& wpe,
           Tensor& out) {
  out.copy_(wte.index_select(0, ids.reshape({-1})));
  if (wpe.defined()) out.add_(wpe.index_select(0, positions.reshape({-1})));
}

void embed_backward(const Tensor& ids, const Tensor& positions, const Tensor& dout, Tensor& dwte,
                    Tensor& dwpe) {
  // embedding_dense_backward sorts or runs in order; index_add_ would use atomics on a GPU.
  const auto add = [&dout](const Tensor& rows, Tensor& table) {
    if (!table.defined()) return;
    table.add_(at::embedding_dense_backward(dout, rows.reshape({-1}).to(at::kLong), table.size(0),
                                            -1, false));
  };
  add(ids, dwte);
  add(positions, dwpe);
}

void add_norm(arch::Norm kind, const Tensor& residual, const Tensor& delta, const Tensor& weight,
              const Tensor& bias, double eps, Tensor& sum, Tensor& y, Tensor& mean, Tensor& rstd) {
  if (delta.defined()) {
    const Tensor wide = delta.to(at::kFloat);
    if (!sum.is_same(residual)) sum.copy_(residual);
    sum.add_(wide);
  }
  const at::IntArrayRef width = sum.sizes().slice(1);
  if (kind == arch::Norm::kLayerNorm) {
    const auto [normal, row_mean, row_rstd] =
        at::native_layer_norm(sum, width, weight, optional(bias), eps);
    y.copy_(normal);
    mean.copy_(row_mean.view({-1}));
    rstd.copy_(row_rstd.view({-1}));
    return;
  }
  if (sum.is_cuda()) {
    const auto [normal, row_rstd] = at::_fused_rms_norm(sum, width, weight, eps);
    y.copy_(normal);
    rstd.copy_(row_rstd.view({-1}));
    return;
  }
  const Tensor row_rstd = at::rsqrt(sum.square().mean(-1, true) + eps);
  rstd.copy_(row_rstd.squeeze(-1));
  y.copy_(sum * row_rstd * weight);
}

void norm_backward(arch::Norm kind, const Tensor& dy, const Tensor& sum, const Tensor& weight,
                   const Tensor& mean, const Tensor& rstd, std::int64_t /*length*/, Tensor& dsum,
                   Tensor& dweight, Tensor& dbias, Tensor& dsum_act) {
  const Tensor grad = dy.to(at::kFloat);
  const at::IntArrayRef width = sum.sizes().slice(1);
  const auto column = [](const Tensor& x) { return x.unsqueeze(-1); };
  Tensor dx, dw, db;
  if (kind == arch::Norm::kLayerNorm) {
    std::tie(dx, dw, db) =
        at::native_layer_norm_backward(grad, sum, width, column(mean), column(rstd), weight,
                                       std::nullopt, {true, dweight.defined(), false});
    if (dbias.defined()) db = grad.sum(0);
  } else if (sum.is_cuda()) {
    std::tie(dx, dw) = at::_fused_rms_norm_backward(grad, sum, width, column(rstd), weight,
                                                    {true, dweight.defined()});
  } else {
    const Tensor normal = sum * column(rstd), scaled = grad * weight;
    dx = (scaled - normal * (scaled * normal).mean(-1, true)).mul_(column(rstd));
    if (dweight.defined()) dw = (grad * normal).sum(0);
  }
  dsum.add_(dx);
  if (dweight.defined()) dweight.add_(dw);
  if (dbias.defined()) dbias.add_(db);
  if (dsum_act.defined()) dsum_act.copy_(dsum);
}

void rope(Tensor& qkv, const Tensor& positions, const Tensor& cos, const Tensor& sin,
          std::int64_t heads, std::int64_t kv_heads, bool inverse) {
  const std::int64_t rows = qkv.size(0), half = cos.size(1);
  const Tensor at_rows = positions.reshape({-1});
  const Tensor c = cos.index_select(0, at_rows).unsqueeze(1);
  Tensor s = sin.index_select(0, at_rows).unsqueeze(1);
  if (inverse) s = -s;
  Tensor rotated = qkv.view({rows, -1, 2 * half}).narrow(1, 0, heads + kv_heads);
  Tensor first = rotated.narrow(2, 0, half), second = rotated.narrow(2, half, half);
  const Tensor a = first.to(at::kFloat, false, true), b = second.to(at::kFloat, false, true);
  first.copy_(a * c - b * s);
  second.copy_(b * c + a * s);
}

namespace {

// Philox4x32-10 (base/random.h) over int64 tensors that hold 32-bit words.
struct Words {
  Tensor c0, c1, c2, c3;
};

Tensor upper(const Tensor& x) {
  return x.__rshift__(32);
}

Words philox_blocks(std::uint64_t key, const Tensor& low, std::uint64_t high) {
  constexpr std::int64_t kMask = 0xFFFFFFFF;
  const auto word = [&](std::uint64_t value) {
    return at::zeros_like(low).fill_(static_cast<std::int64_t>(value & 0xFFFFFFFFu));
  };
  Words c{low & kMask, upper(low), word(high), word(high >> 32)};
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    // The product wraps in int64; its 64 bits are what counts.
    const Tensor p0 = c.c0 * std::int64_t{0xD2511F53}, p1 = c.c2 * std::int64_t{0xCD9E8D57};
    const Tensor n0 = (upper(p1) & kMask) ^ c.c1 ^ static_cast<std::int64_t>(k0);
    const Tensor n2 = (upper(p0) & kMask) ^ c.c3 ^ static_cast<std::int64_t>(k1);
    c = {n0, p1 & kMask, n2, p0 & kMask};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

}  // namespace

Tensor dropout_scales(const DropoutKey& key, std::int64_t rows, std::int64_t columns,
                      const Tensor& like) {
  const DropoutMask mask = dropout_mask(key);
  const auto integers = like.options().dtype(at::kLong);
  const std::int64_t blocks = (columns + 7) / 8;
  const Tensor row = at::arange(rows, integers) + static_cast<std::int64_t>(mask.first_row);
  const Tensor low =
      row.__lshift__(DropoutMask::kRowShift).unsqueeze(1) + at::arange(blocks, integers);
  const Words c = philox_blocks(mask.key, low, mask.high);
  const auto half = [](const Tensor& word) { return word.__rshift__(16); };
  const Tensor words = at::stack({c.c0 & 0xFFFF, half(c.c0), c.c1 & 0xFFFF, half(c.c1),
                                  c.c2 & 0xFFFF, half(c.c2), c.c3 & 0xFFFF, half(c.c3)},
                                 -1)
                           .view({rows, blocks * 8})
                           .narrow(1, 0, columns);
  return words.ge(static_cast<std::int64_t>(mask.threshold)).to(at::kFloat).mul_(mask.scale);
}

void dropout(Tensor& x, const DropoutKey& key) {
  if (dropout_mask(key).threshold == 0) return;
  x.copy_(x * dropout_scales(key, x.size(0), x.size(1), x));
}

}  // namespace llmops::tensor::aten
