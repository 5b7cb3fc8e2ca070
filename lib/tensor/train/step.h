#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/batch.h"
#include "plan/plan.h"
#include "recipe/sections.h"
#include "tensor/kernels/kernels.h"
#include "tensor/model/transformer.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

// Results of one step, read from the device.
struct StepValues {
  double loss_sum = 0;   // nats over all targets of the step
  double grad_norm = 0;  // of the averaged gradients, before clipping
  bool applied = false;
};

// Input of all passes of one step.
struct StepContext {
  std::int64_t rows = 0;               // sequences of the step
  double scale = 1;                    // of its losses
  std::uint64_t seed = 0, step = 0;    // key dropout, with the row within the step
  std::function<bool()> give_up = {};  // see PassContext; called from several threads
};

// Gradients and optimizer state of one model, and the buffers to compute them: the arithmetic of a
// training step without data, schedule or policy. plan.shards parts of a step are computed side by
// side, each with its own gradients. Their sum depends neither on timing nor, on a CPU whose
// products are our own, on the number of passes.
class TrainStep {
 public:
  TrainStep(const plan::Plan& plan, const recipe::Optimizer& optimizer, double max_grad_norm,
            double ema_decay, Weights& weights);

  // Adds the gradients of scale * (sum of the batches' losses): one batch a shard, with the rows of
  // plan::rows_of_pass(). False when the pass was given up; discard() then forgets the step.
  bool accumulate(std::span<const data::Batch> batches, std::int64_t pass,
                  const StepContext& context);
  void discard();
  // Sums the shards' gradients and losses. update() does it; on its own it is for looking at them.
  void reduce();
  // Clips, updates the weights unless loss or gradients are not finite, averages, clears.
  StepValues update(double learning_rate);

  void reset();  // optimizer state, average and gradients as at the start

  Tensor& moment1() { return m_; }
  Tensor& moment2() { return v_; }
  Tensor& updates() { return updates_; }  // float64 [1]
  Tensor& average() { return average_; }  // undefined without EMA
  const Tensor& gradients() const { return gradients_.front(); }
  const Kernels& kernels() const { return kernels_; }
  void set_kernels(const Kernels& kernels) { kernels_ = kernels; }

 private:
  struct Shard {
    Activations activations;
    ModelTensors gradients;
    Tensor loss;  // float64 [1], summed over the passes of a step
  };
  bool run_shard(Shard& shard, const data::Batch& batch, float scale, const PassContext& context);

  Kernels kernels_;
  plan::Plan plan_;
  AdamWStep adamw_;
  double ema_decay_;
  Weights& weights_;
  std::vector<Tensor> gradients_;  // flat, one per shard
  std::vector<Shard> shards_;
  Tensor m_, v_, updates_, average_, norm_squared_, loss_;
};

}  // namespace llmops::tensor
