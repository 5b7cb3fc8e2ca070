#include "tensor/model/weights.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "tensor/model/memory.h"

namespace llmops::tensor {

namespace {

using arch::Role;

bool is_matrix(Role role) {
  switch (role) {
    case Role::kQkvWeight:
    case Role::kOutWeight:
    case Role::kUpWeight:
    case Role::kDownWeight:
    case Role::kHeadWeight:
      return true;
    default:
      return false;
  }
}

Tensor* slot(ModelTensors& model, Role role, int layer) {
  LayerTensors* at = layer >= 0 ? &model.layers[static_cast<std::size_t>(layer)] : nullptr;
  switch (role) {
    case Role::kTokenEmbedding:
      return &model.token_embedding;
    case Role::kPositionEmbedding:
      return &model.position_embedding;
    case Role::kNorm1Weight:
      return &at->norm1_weight;
    case Role::kNorm1Bias:
      return &at->norm1_bias;
    case Role::kQkvWeight:
      return &at->qkv_weight;
    case Role::kQkvBias:
      return &at->qkv_bias;
    case Role::kOutWeight:
      return &at->out_weight;
    case Role::kOutBias:
      return &at->out_bias;
    case Role::kNorm2Weight:
      return &at->norm2_weight;
    case Role::kNorm2Bias:
      return &at->norm2_bias;
    case Role::kUpWeight:
      return &at->up_weight;
    case Role::kUpBias:
      return &at->up_bias;
    case Role::kDownWeight:
      return &at->down_weight;
    case Role::kDownBias:
      return &at->down_bias;
    case Role::kFinalNormWeight:
      return &model.final_norm_weight;
    case Role::kFinalNormBias:
      return &model.final_norm_bias;
    case Role::kHeadWeight:
      return &model.head;
  }
  return nullptr;
}

// The standard deviation of a weight's first values; 0 for constants.
double init_deviation(const arch::TransformerConfig& config, Role role) {
  switch (role) {
    case Role::kOutWeight:
    case Role::kDownWeight:
      return config.initializer_range / std::sqrt(2.0 * static_cast<double>(config.layers));
    case Role::kTokenEmbedding:
    case Role::kPositionEmbedding:
    case Role::kQkvWeight:
    case Role::kUpWeight:
    case Role::kHeadWeight:
      return config.initializer_range;
    default:
      return 0;
  }
}

bool starts_at_one(Role role) {
  return role == Role::kNorm1Weight || role == Role::kNorm2Weight || role == Role::kFinalNormWeight;
}

// Blocks of 64 values have their own stream, so that any split over threads gives the same bits.
void fill_normal(std::span<float> out, double deviation, std::uint64_t seed, std::uint64_t weight) {
  constexpr std::int64_t kBlock = 64;
  const auto size = static_cast<std::int64_t>(out.size());
  at::parallel_for(0, (size + kBlock - 1) / kBlock, 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      Random random(seed, RandomStream::kInit, weight, static_cast<std::uint64_t>(block));
      const std::int64_t last = std::min(size, (block + 1) * kBlock);
      for (std::int64_t i = block * kBlock; i < last; ++i) {
        out[static_cast<std::size_t>(i)] = static_cast<float>(deviation * random.normal());
      }
    }
  });
}

}  // namespace

ModelTensors bind(const arch::TransformerConfig& config, const arch::ParameterLayout& layout,
                  const Tensor& flat, const Tensor& compute) {
  ModelTensors model;
  model.layers.resize(static_cast<std::size_t>(config.layers));
  for (const arch::Parameter& parameter : layout.parameters) {
    const Tensor& from = compute.defined() && is_matrix(parameter.role) ? compute : flat;
    *slot(model, parameter.role, parameter.layer) =
        from.narrow(0, parameter.offset, parameter.size).view(parameter.shape);
  }
  if (config.tied) {
    const arch::Parameter* embedding = layout.find(Role::kTokenEmbedding);
    model.head = (compute.defined() ? compute : flat)
                     .narrow(0, embedding->offset, embedding->size)
                     .view(embedding->shape);
  }
  return model;
}

Weights::Weights(const arch::TransformerConfig& config, const at::Device& device, bool bf16)
    : config_(config), layout_(arch::parameter_layout(config)) {
  const at::TensorOptions options(device);
  flat_ = resident_zeros(layout_.size, options.dtype(at::kFloat));
  if (bf16) compute_ = resident_zeros(layout_.size, options.dtype(at::kBFloat16));
  tensors_ = bind(config_, layout_, flat_, compute_);
}

void Weights::initialize(std::uint64_t seed) {
  Tensor host = flat_.is_cpu() ? flat_ : at::zeros({layout_.size}, at::kFloat);
  float* data = host.data_ptr<float>();
  for (std::size_t i = 0; i < layout_.parameters.size(); ++i) {
    const arch::Parameter& parameter = layout_.parameters[i];
    std::span<float> values(data + parameter.offset, static_cast<std::size_t>(parameter.size));
    const double deviation = init_deviation(config_, parameter.role);
    if (deviation > 0) {
      fill_normal(values, deviation, seed, i);
    } else {
      std::fill(values.begin(), values.end(), starts_at_one(parameter.role) ? 1.0f : 0.0f);
    }
  }
  if (!flat_.is_cpu()) flat_.copy_(host);
  refresh_compute();
}

void Weights::refresh_compute() {
  if (compute_.defined()) compute_.copy_(flat_);
}

}  // namespace llmops::tensor
