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

using arch::Part;
using arch::PartKind;

bool is_matrix(const arch::Parameter& parameter) {
  return !parameter.bias && arch::traits(parameter.part).kind == PartKind::kLinear;
}

Tensor& slot(Norm& norm, bool bias) {
  return bias ? norm.bias : norm.weight;
}
Tensor& slot(Linear& linear, bool bias) {
  return bias ? linear.bias : linear.weight.data;
}
Tensor& slot(ModelTensors& model, const arch::Parameter& p) {
  const auto layer = [&]() -> Layer& { return model.layers[static_cast<std::size_t>(p.layer)]; };
  switch (p.part) {
    case Part::kTokenEmbedding:
      return model.token_embedding;
    case Part::kPositionEmbedding:
      return model.position_embedding;
    case Part::kNorm1:
      return slot(layer().norm1, p.bias);
    case Part::kQkv:
      return slot(layer().qkv, p.bias);
    case Part::kOut:
      return slot(layer().out, p.bias);
    case Part::kNorm2:
      return slot(layer().norm2, p.bias);
    case Part::kUp:
      return slot(layer().up, p.bias);
    case Part::kDown:
      return slot(layer().down, p.bias);
    case Part::kFinalNorm:
      return slot(model.final_norm, p.bias);
    case Part::kHead:
      break;
  }
  return slot(model.head, p.bias);
}

// The standard deviation of a weight's first values; 0 for constants.
double init_deviation(const arch::TransformerConfig& config, const arch::Parameter& parameter) {
  const arch::PartTraits& traits = arch::traits(parameter.part);
  if (parameter.bias || traits.kind == PartKind::kNorm) return 0;
  return traits.into_residual
             ? config.initializer_range / std::sqrt(2.0 * static_cast<double>(config.layers))
             : config.initializer_range;
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
    const Tensor& from = compute.defined() && is_matrix(parameter) ? compute : flat;
    slot(model, parameter) = from.narrow(0, parameter.offset, parameter.size).view(parameter.shape);
  }
  if (config.tied) {
    const arch::Parameter* embedding = layout.find(Part::kTokenEmbedding);
    model.head.weight = (compute.defined() ? compute : flat)
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
    const double deviation = init_deviation(config_, parameter);
    if (deviation > 0) {
      fill_normal(values, deviation, seed, i);
    } else {
      std::fill(values.begin(), values.end(), parameter.bias ? 0.0f : 1.0f);
    }
  }
  if (!flat_.is_cpu()) flat_.copy_(host);
  refresh_compute();
}

void Weights::refresh_compute() {
  if (compute_.defined()) compute_.copy_(flat_);
}

}  // namespace llmops::tensor
