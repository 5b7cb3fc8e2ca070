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
  adamw_ = {0,
            optimizer.betas[0],
            optimizer.betas[1],
            optimizer.eps,
            optimizer.weight_decay,
            weights.layout().decay_size,
            max_grad_norm};
  for (int i = 0; i < plan.shards; ++i) {
    const std::int64_t first = plan::shard_first_row(plan, i);
    const std::int64_t rows = plan::shard_first_row(plan, i + 1) - first;
    const auto buffers = plan::activation_buffers(weights.config(), plan, rows);
    gradients_.push_back(zeros_like_flat(weights));
    shards_.push_back({Activations(weights.config(), buffers, rows, plan.length, weights.device(),
                                   plan.precision),
                       bind(weights.config(), weights.layout(), gradients_.back()), first,
                       scalar(weights.device())});
  }
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

void TrainStep::run_shard(Shard& shard, const data::Batch& batch, float scale, std::uint64_t seed,
                          std::uint64_t micro_batch) {
  // Grad mode is a property of the thread.
  const at::NoGradGuard no_grad;
  Activations& act = shard.activations;
  act.set_batch(batch, shard.first_row);
  const DropoutPlace place{weights_.config().dropout, seed, micro_batch, shard.first_row};
  forward(kernels_, weights_.config(), weights_.tensors(), act, place);
  head_loss(kernels_, weights_.tensors(), act, scale, &shard.gradients);
  shard.loss.add_(act.losses.sum(at::kDouble));
  backward(kernels_, weights_.config(), plan_.recompute, weights_.tensors(), act, place,
           shard.gradients);
}

void TrainStep::accumulate(const data::Batch& batch, double scale, std::uint64_t seed,
                           std::uint64_t micro_batch) {
  LLMOPS_CHECK(batch.rows == plan_.micro_batch && batch.length == plan_.length);
  const float factor = static_cast<float>(scale);
  if (shards_.size() == 1) {
    run_shard(shards_[0], batch, factor, seed, micro_batch);
    return;
  }
  std::exception_ptr failure;
  const int count = static_cast<int>(shards_.size());
#pragma omp parallel for num_threads(count) schedule(static, 1)
  for (int i = 0; i < count; ++i) {
    try {
      run_shard(shards_[static_cast<std::size_t>(i)], batch, factor, seed, micro_batch);
    } catch (...) {
#pragma omp critical
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void TrainStep::reduce() {
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

  StepValues values;
  values.loss_sum = loss_.item<double>();
  values.grad_norm = std::sqrt(norm_squared_.item<double>());
  values.applied = std::isfinite(values.loss_sum) && std::isfinite(values.grad_norm);
  if (values.applied && average_.defined()) {
    kernels_.ema(average_, weights_.flat(), ema_decay_);
  }
  loss_.zero_();
  return values;
}

void TrainStep::reset() {
  const at::NoGradGuard no_grad;
  for (Tensor& gradients : gradients_) gradients.zero_();
  for (Shard& shard : shards_) shard.loss.zero_();
  loss_.zero_();
  m_.zero_();
  v_.zero_();
  updates_.zero_();
  if (average_.defined()) average_.copy_(weights_.flat());
}

}  // namespace llmops::tensor
