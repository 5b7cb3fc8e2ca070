#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/where.h>

#include <algorithm>

#include "tensor/kernels/aten/aten.h"

namespace llmops::tensor::aten {
namespace {

struct RowLosses {
  Tensor wide, lse, index, counted;  // float [R, V], [R, 1], int64 [R, 1], bool [R, 1]
};

RowLosses row_losses(const Tensor& logits, const Tensor& targets, Tensor& losses) {
  RowLosses r;
  r.wide = logits.to(at::kFloat);
  r.lse = at::logsumexp(r.wide, {1}, true);
  r.index = targets.to(at::kLong).clamp_min(0).unsqueeze(1);
  r.counted = targets.ge(0).unsqueeze(1);
  const Tensor loss = r.lse - r.wide.gather(1, r.index);
  losses.copy_(at::where(r.counted, loss, 0.0).squeeze(1));
  return r;
}

// Elements worked on at a time, so that temporaries stay small beside the flat buffers.
constexpr std::int64_t kChunk = std::int64_t{1} << 24;

}  // namespace

void cross_entropy_loss(const Tensor& logits, const Tensor& targets, Tensor& losses) {
  row_losses(logits, targets, losses);
}

void cross_entropy(Tensor& logits, const Tensor& targets, float scale, Tensor& losses) {
  const RowLosses r = row_losses(logits, targets, losses);
  Tensor grad = (r.wide - r.lse).exp_();
  grad.scatter_(1, r.index, grad.gather(1, r.index).sub_(1.0));
  logits.copy_(grad.mul_(scale).masked_fill_(r.counted.logical_not(), 0.0));
}

void reduce(Tensor& into, Tensor& from, Tensor& norm_squared) {
  if (from.defined()) {
    into.add_(from);
    from.zero_();
  }
  norm_squared.copy_(at::linalg_vector_norm(into, 2, std::nullopt, false, at::kDouble).square());
}

void adamw(const AdamWStep& step, Tensor& weights, Tensor& grads, Tensor& m, Tensor& v,
           const Tensor& norm_squared, const Tensor& loss, Tensor& updates, Tensor& compute) {
  Tensor finite = at::isfinite(norm_squared);
  if (loss.defined()) finite = finite.logical_and(at::isfinite(loss));
  updates.add_(finite);
  Tensor clip = at::ones_like(norm_squared);
  if (step.max_grad_norm > 0) {
    clip = (step.max_grad_norm / (norm_squared.sqrt() + 1e-6)).clamp_max(1.0);
  }
  const Tensor correction1 = 1.0 - at::pow(step.beta1, updates);
  const Tensor correction2 = 1.0 - at::pow(step.beta2, updates);
  const Tensor rate = (step.learning_rate / correction1).to(at::kFloat);
  const Tensor root2 = correction2.sqrt().to(at::kFloat);
  clip = clip.to(at::kFloat);

  const std::int64_t size = weights.numel();
  for (std::int64_t begin = 0; begin < size;) {
    const bool decays = begin < step.decay_size;
    const std::int64_t end = std::min(begin + kChunk, decays ? step.decay_size : size);
    const auto part = [&](const Tensor& x) { return x.narrow(0, begin, end - begin); };
    const Tensor g = part(grads) * clip;
    const Tensor m1 = part(m) * step.beta1 + g * (1.0 - step.beta1);
    const Tensor v1 = part(v) * step.beta2 + g * g * (1.0 - step.beta2);
    const double keep = decays ? 1.0 - step.learning_rate * step.weight_decay : 1.0;
    const Tensor w1 = part(weights) * keep - rate * m1 / (v1.sqrt() / root2 + step.eps);
    part(m).copy_(at::where(finite, m1, part(m)));
    part(v).copy_(at::where(finite, v1, part(v)));
    part(weights).copy_(at::where(finite, w1, part(weights)));
    begin = end;
  }
  if (compute.defined()) compute.copy_(weights);
  grads.zero_();
}

void ema(Tensor& average, const Tensor& weights, double decay) {
  average.lerp_(weights, 1.0 - decay);
}

}  // namespace llmops::tensor::aten
