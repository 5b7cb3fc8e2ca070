#include "tests/unit/tensor/model/passes.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <vector>

#include "plan/buffers.h"
#include "tests/unit/tensor/batches.h"

namespace llmops::tensor {

namespace {

constexpr std::int64_t kChunk = 5;  // rows of logits: several chunks, the last one short

struct Shard {
  std::int64_t first = 0;  // row of the batch
  Activations activations;
  Tensor flat, logits;
};

Shard make_shard(Weights& weights, const data::Batch& batch, const Passes& passes,
                 std::int64_t first, std::int64_t rows) {
  plan::ActivationShape shape;
  shape.rows = rows;
  shape.length = batch.length;
  shape.loss_chunk_rows = kChunk;
  shape.recompute = passes.recompute;
  shape.precision = weights.bf16() ? plan::Precision::kBf16Mixed : plan::Precision::kFp32;
  const auto buffers = plan::activation_buffers(weights.config(), shape);
  const auto floats = at::TensorOptions(weights.device()).dtype(at::kFloat);
  if (weights.tensors().rope) weights.tensors().rope->grow(batch.length);
  return {
      first,
      Activations(weights.config(), buffers, rows, batch.length, weights.device(), shape.precision),
      at::zeros({weights.layout().size}, floats),
      at::empty({rows * batch.length, weights.config().vocab_size},
                floats.dtype(weights.bf16() ? at::kBFloat16 : at::kFloat))};
}

void run(const Kernels& kernels, Weights& weights, const data::Batch& batch, double scale,
         const Passes& passes, Shard& shard) {
  const at::NoGradGuard no_grad;  // a property of the thread
  const arch::TransformerConfig& config = weights.config();
  Activations& act = shard.activations;
  PassContext place = passes.dropout;
  place.first_row = shard.first;
  ModelTensors gradients = assemble(config, weights.layout(), views(weights.layout(), shard.flat));
  act.set_batch(rows_of(batch, shard.first, act.rows));
  forward(kernels, config, weights.tensors(), act, place);
  kernels.linear(act.norm_final, weights.tensors().head.weight, {}, shard.logits);
  head_loss(kernels, weights.tensors(), act, static_cast<float>(scale), &gradients, place);
  backward(kernels, config, passes.recompute, weights.tensors(), act, place, gradients);
}

}  // namespace

Computed compute(const Kernels& kernels, Weights& weights, const data::Batch& batch, double scale,
                 const Passes& passes) {
  const at::NoGradGuard no_grad;
  std::vector<Shard> shards;
  for (int i = 0; i < passes.shards; ++i) {
    const std::int64_t first = batch.rows * i / passes.shards;
    shards.push_back(
        make_shard(weights, batch, passes, first, batch.rows * (i + 1) / passes.shards - first));
  }
#pragma omp parallel for num_threads(passes.shards) schedule(static, 1) if (passes.shards > 1)
  for (int i = 0; i < passes.shards; ++i) {
    run(kernels, weights, batch, scale, passes, shards[static_cast<std::size_t>(i)]);
  }
  Computed all;
  all.gradients = at::zeros({weights.layout().size});
  all.logits = at::empty({batch.rows * batch.length, weights.config().vocab_size});
  for (const Shard& shard : shards) {
    all.gradients.add_(shard.flat.cpu());
    all.loss_sum += shard.activations.losses.sum(at::kDouble).item<double>();
    all.logits.narrow(0, shard.first * batch.length, shard.logits.size(0)).copy_(shard.logits);
  }
  return all;
}

Tensor forward_logits(const Kernels& kernels, Weights& weights,
                      const std::vector<std::int32_t>& ids) {
  const at::NoGradGuard no_grad;
  data::Batch batch;
  batch.rows = 1;
  batch.length = std::ssize(ids);
  batch.inputs = ids;
  batch.targets.assign(ids.size(), data::kIgnore);
  batch.segment_start.assign(ids.size(), 0);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    batch.positions.push_back(static_cast<std::int32_t>(i));
  }
  Shard shard = make_shard(weights, batch, {}, 0, 1);
  shard.activations.set_batch(batch);
  forward(kernels, weights.config(), weights.tensors(), shard.activations, {});
  kernels.linear(shard.activations.norm_final, weights.tensors().head.weight, {}, shard.logits);
  return shard.logits.to(at::kCPU, at::kFloat);
}

Difference worst_difference(const arch::ParameterLayout& layout, const Tensor& a, const Tensor& b) {
  Difference worst;
  for (const arch::Parameter& p : layout.parameters) {
    const double off = difference(a.narrow(0, p.offset, p.size), b.narrow(0, p.offset, p.size));
    if (off > worst.relative) worst = {off, p.name};
  }
  return worst;
}

}  // namespace llmops::tensor
