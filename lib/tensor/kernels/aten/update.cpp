#include <ATen/TensorOperators.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/where.h>

#include <optional>

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
  // The fused kernel divides gradients by a scale and leaves everything when it is told of
  // infinity.
  std::optional<Tensor> scale;
  if (step.max_grad_norm > 0) {
    scale = ((norm_squared.sqrt() + 1e-6) / step.max_grad_norm).clamp_min(1.0).to(at::kFloat);
  }
  const Tensor infinite = finite.logical_not().to(at::kFloat);
  const Tensor count = updates.to(at::kFloat);
  const auto update = [&](std::int64_t begin, std::int64_t end, double weight_decay) {
    if (begin == end) return;
    const auto part = [&](const Tensor& x) { return x.narrow(0, begin, end - begin); };
    const Tensor w = part(weights), g = part(grads), m1 = part(m), v1 = part(v);
    at::_fused_adamw_(w, g, m1, v1, {}, count, step.learning_rate, step.beta1, step.beta2,
                      weight_decay, step.eps, false, false, scale, infinite);
  };
  update(0, step.decay_size, step.weight_decay);
  update(step.decay_size, weights.numel(), 0);
  if (compute.defined()) compute.copy_(weights);
  grads.zero_();
}

void ema(Tensor& average, const Tensor& weights, double decay, const Tensor& norm_squared,
         const Tensor& loss) {
  const Tensor finite = at::isfinite(norm_squared).logical_and(at::isfinite(loss));
  average.lerp_(weights, finite.to(at::kFloat).mul(1.0 - decay).expand_as(average));
}

}  // namespace llmops::tensor::aten
