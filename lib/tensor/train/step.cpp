#include "tensor/train/step.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <exception>

#include "base/error.h"
#include "plan/buffers.h"
#include "tensor/model/memory.h"

namespace llmops::tensor {

namespace {

Tensor zeros_like_flat(Weights& weights) {
  return resident_zeros(weights.layout().size,
                        at::TensorOptions(weights.device()).dtype(at::kFloat));
}

Tensor scalar(const at::Device& device) {
  return at::zeros({1}, at::TensorOptions(device).dtype(at::kDouble));
}

}  // namespace

TrainStep::TrainStep(const plan::Plan& plan, const recipe::Optimizer& optimizer,
                     double max_grad_norm, double ema_decay, Weights& weights)
    : kernels_(kernels_for(weights.device())),
      plan_(plan),
      ema_decay_(ema_decay),
      weights_(weights) {
  adamw_ = {.beta1 = optimizer.betas[0],
            .beta2 = optimizer.betas[1],
            .eps = optimizer.eps,
            .weight_decay = optimizer.weight_decay,
            .decay_size = weights.layout().decay_size,
            .max_grad_norm = max_grad_norm};
  for (int i = 0; i < plan.shards; ++i) {
    const auto buffers = plan::activation_buffers(weights.config(), plan);
    gradients_.push_back(zeros_like_flat(weights));
    shards_.push_back(
        {Activations(weights.config(), buffers, plan.shard_rows, plan.length, weights.device(),
                     plan.precision),
         assemble(weights.config(), weights.layout(), views(weights.layout(), gradients_.back())),
         scalar(weights.device())});
  }
  if (weights.tensors().rope) weights.tensors().rope->grow(plan.length);
  m_ = zeros_like_flat(weights);
  v_ = zeros_like_flat(weights);
  if (ema_decay > 0) {
    average_ = zeros_like_flat(weights);
    average_.copy_(weights.flat());
  }
  updates_ = scalar(weights.device());
  norm_squared_ = scalar(weights.device());
  loss_ = scalar(weights.device());
}

bool TrainStep::run_shard(Shard& shard, const data::Batch& batch, float scale,
                          const PassContext& context) {
  if (batch.supervised_tokens == 0) return true;  // nothing to learn from: no gradient
  // Grad mode is a property of the thread.
  const at::NoGradGuard no_grad;
  Activations& act = shard.activations;
  act.set_batch(batch);
  const arch::TransformerConfig& config = weights_.config();
  if (!forward(kernels_, config, weights_.tensors(), act, context) ||
      !head_loss(kernels_, weights_.tensors(), act, scale, &shard.gradients, context)) {
    return false;
  }
  shard.loss.add_(act.losses.sum(at::kDouble));
  return backward(kernels_, config, plan_.recompute, weights_.tensors(), act, context,
                  shard.gradients);
}

bool TrainStep::accumulate(std::span<const data::Batch> batches, std::int64_t pass,
                           const StepContext& step) {
  LLMOPS_CHECK(batches.size() == shards_.size());
  const int count = static_cast<int>(shards_.size());
  const auto run = [&](int i) {
    const auto at = static_cast<std::size_t>(i);
    const PassContext context{weights_.config().dropout, step.seed, step.step,
                              plan::rows_of_pass(plan_, step.rows, i, pass).first, step.give_up};
    return run_shard(shards_[at], batches[at], static_cast<float>(step.scale), context);
  };
  if (count == 1) return run(0);
  std::exception_ptr failure;
  bool complete = true;
#pragma omp parallel for num_threads(count) schedule(static, 1) reduction(&& : complete)
  for (int i = 0; i < count; ++i) {
    try {
      complete = run(i) && complete;
    } catch (...) {
#pragma omp critical
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
  return complete;
}

void TrainStep::discard() {
  const at::NoGradGuard no_grad;
  for (Tensor& gradients : gradients_) gradients.zero_();
  for (Shard& shard : shards_) {
    shard.loss.zero_();
    shard.activations.discard_lookups();
  }
  loss_.zero_();
}

void TrainStep::reduce() {
  for (Shard& shard : shards_) {
    if (Tensor& gradient = shard.gradients.token_embedding; gradient.defined()) {
      shard.activations.add_lookups(gradient);
    }
  }
  Tensor none;
  if (shards_.size() == 1) kernels_.reduce(gradients_[0], none, norm_squared_);
  for (std::size_t i = 1; i < shards_.size(); ++i) {
    kernels_.reduce(gradients_[0], gradients_[i], norm_squared_);
  }
  for (Shard& shard : shards_) {
    loss_.add_(shard.loss);
    shard.loss.zero_();
  }
}

StepValues TrainStep::update(double learning_rate) {
  const at::NoGradGuard no_grad;
  reduce();
  adamw_.learning_rate = learning_rate;
  kernels_.adamw(adamw_, weights_.flat(), gradients_[0], m_, v_, norm_squared_, loss_, updates_,
                 weights_.compute());

  if (average_.defined()) {
    kernels_.ema(average_, weights_.flat(), ema_decay_, norm_squared_, loss_);
  }
  StepValues values;
  values.loss_sum = loss_.item<double>();
  values.grad_norm = std::sqrt(norm_squared_.item<double>());
  values.applied = std::isfinite(values.loss_sum) && std::isfinite(values.grad_norm);
  loss_.zero_();
  return values;
}

void TrainStep::reset() {
  discard();
  const at::NoGradGuard no_grad;
  m_.zero_();
  v_.zero_();
  updates_.zero_();
  if (average_.defined()) average_.copy_(weights_.flat());
}

}  // namespace llmops::tensor
