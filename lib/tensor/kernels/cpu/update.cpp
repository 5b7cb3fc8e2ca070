#include <algorithm>
#include <cmath>

#include "tensor/kernels/cpu/cpu.h"
#include "tensor/kernels/cpu/tensors.h"

namespace llmops::tensor::cpu {

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
  raw().adamw(
      {.size = size,
       .decay_size = step.decay_size,
       .weights = floats(weights),
       .m = floats(m),
       .v = floats(v),
       .grads = floats(grads),
       .compute = compute.defined() ? bfloat16s(compute) : nullptr,
       .clip = static_cast<float>(clip),
       .beta1 = static_cast<float>(step.beta1),
       .beta2 = static_cast<float>(step.beta2),
       .one_minus_beta1 = static_cast<float>(1 - step.beta1),
       .one_minus_beta2 = static_cast<float>(1 - step.beta2),
       .weight_keep = static_cast<float>(1 - step.learning_rate * step.weight_decay),
       .rate = static_cast<float>(step.learning_rate / (1 - std::pow(step.beta1, count))),
       .bias_correction2_sqrt = static_cast<float>(std::sqrt(1 - std::pow(step.beta2, count))),
       .eps = static_cast<float>(step.eps)});
}

void ema(Tensor& average, const Tensor& weights, double decay, const Tensor& norm_squared,
         const Tensor& loss) {
  if (!std::isfinite(*doubles(norm_squared)) || !std::isfinite(*doubles(loss))) return;
  LLMOPS_CHECK(average.numel() == weights.numel());
  raw().ema(floats(average), floats(weights), weights.numel(), static_cast<float>(1 - decay));
}

}  // namespace llmops::tensor::cpu
