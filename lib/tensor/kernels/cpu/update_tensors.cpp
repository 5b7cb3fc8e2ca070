#include <algorithm>
#include <cmath>

#include "tensor/kernels/cpu/cpu.h"
#include "tensor/kernels/cpu/tensors.h"

namespace llmops::tensor::cpu {
namespace {

void cross_entropy_call(const Tensor& logits, const Tensor& targets, bool gradient, float scale,
                        Tensor& losses) {
  LLMOPS_CHECK(logits.size(0) == targets.numel() && losses.numel() == targets.numel());
  raw().cross_entropy(act(logits), logits.size(0), logits.size(1), ints(targets), gradient, scale,
                      floats(losses));
}

}  // namespace

void cross_entropy(Tensor& logits, const Tensor& targets, float scale, Tensor& losses) {
  cross_entropy_call(logits, targets, true, scale, losses);
}

void cross_entropy_loss(const Tensor& logits, const Tensor& targets, Tensor& losses) {
  cross_entropy_call(logits, targets, false, 0.0f, losses);
}

void reduce(Tensor& into, Tensor& from, Tensor& norm_squared) {
  LLMOPS_CHECK(!from.defined() || from.numel() == into.numel());
  *doubles(norm_squared) = raw().reduce(floats(into), floats_or_null(from), into.numel());
}

void adamw(const AdamWStep& step, Tensor& weights, Tensor& grads, Tensor& m, Tensor& v,
           const Tensor& norm_squared, const Tensor& loss, Tensor& updates, Tensor& compute) {
  const Index size = weights.numel();
  LLMOPS_CHECK(grads.numel() == size && m.numel() == size && v.numel() == size);
  LLMOPS_CHECK(!compute.defined() || compute.numel() == size);
  const double square = *doubles(norm_squared);
  if (!std::isfinite(square) || (loss.defined() && !std::isfinite(*doubles(loss)))) {
    grads.zero_();
    return;
  }
  const double count = *doubles(updates) += 1;
  double clip = 1;
  if (step.max_grad_norm > 0) {
    clip = std::min(1.0, step.max_grad_norm / (std::sqrt(square) + 1e-6));
  }
  raw().adamw({.size = size,
               .decay_size = step.decay_size,
               .weights = floats(weights),
               .m = floats(m),
               .v = floats(v),
               .grads = floats(grads),
               .compute = compute.defined() ? bfloat16s(compute) : nullptr,
               .clip = static_cast<float>(clip),
               .beta1 = static_cast<float>(step.beta1),
               .beta2 = static_cast<float>(step.beta2),
               .fresh1 = static_cast<float>(1 - step.beta1),
               .fresh2 = static_cast<float>(1 - step.beta2),
               .keep = static_cast<float>(1 - step.learning_rate * step.weight_decay),
               .rate = static_cast<float>(step.learning_rate / (1 - std::pow(step.beta1, count))),
               .root2 = static_cast<float>(std::sqrt(1 - std::pow(step.beta2, count))),
               .eps = static_cast<float>(step.eps)});
}

void ema(Tensor& average, const Tensor& weights, double decay) {
  LLMOPS_CHECK(average.numel() == weights.numel());
  raw().ema(floats(average), floats(weights), weights.numel(), static_cast<float>(1 - decay));
}

}  // namespace llmops::tensor::cpu
