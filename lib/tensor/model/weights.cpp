#include "tensor/model/weights.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <functional>
#include <optional>

#include "base/error.h"
#include "base/random.h"
#include "tensor/model/memory.h"

namespace llmops::tensor {

namespace {

using arch::Part;
using arch::PartKind;

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

// Zeros for each parameter that `type_of` names a type for, those of a type in one piece.
void place(const arch::ParameterLayout& layout, const at::Device& device,
           const std::function<std::optional<at::ScalarType>(std::size_t)>& type_of,
           ParameterTensors& to) {
  constexpr std::int64_t kAlignment = 32;  // elements
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    std::vector<std::int64_t> offsets(layout.parameters.size(), -1);
    std::int64_t size = 0;
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      if (type_of(i) != type) continue;
      offsets[i] = size;
      size += (layout.parameters[i].size + kAlignment - 1) / kAlignment * kAlignment;
    }
    const Tensor all = resident_zeros(size, at::TensorOptions(device).dtype(type));
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      const arch::Parameter& p = layout.parameters[i];
      if (offsets[i] >= 0) to[i] = all.narrow(0, offsets[i], p.size).view(p.shape);
    }
  }
}

}  // namespace

ParameterTensors views(const arch::ParameterLayout& layout, const Tensor& flat) {
  ParameterTensors tensors;
  for (const arch::Parameter& p : layout.parameters) {
    tensors.push_back(p.trains ? flat.narrow(0, p.offset, p.size).view(p.shape) : Tensor());
  }
  return tensors;
}

ModelTensors assemble(const arch::TransformerConfig& config, const arch::ParameterLayout& layout,
                      const ParameterTensors& values, const ParameterTensors& products) {
  const auto matrix = [&](std::size_t i) {
    return !products.empty() && products[i].defined() ? products[i] : values[i];
  };
  ModelTensors model;
  model.layers.resize(static_cast<std::size_t>(config.layers));
  for (std::size_t i = 0; i < layout.parameters.size(); ++i) {
    const arch::Parameter& p = layout.parameters[i];
    const bool lookup = arch::traits(p.part).kind == PartKind::kEmbedding;
    slot(model, p) = !lookup && arch::is_multiplied(p, config) ? matrix(i) : values[i];
    if (p.part == Part::kTokenEmbedding && config.tied) model.head.weight = matrix(i);
    if (config.positions == arch::Positions::kRope && !model.rope && values[i].defined()) {
      model.rope = std::make_shared<RopeTable>(config, values[i].device());
    }
  }
  return model;
}

Weights::Weights(const arch::TransformerConfig& config, const at::Device& device, bool bf16)
    : Weights(config, arch::parameter_layout(config), {}, device, bf16) {}

Weights::Weights(const arch::TransformerConfig& config, arch::ParameterLayout layout,
                 const std::vector<bool>& bf16_in_files, const at::Device& device, bool bf16)
    : config_(config), layout_(std::move(layout)), bf16_(bf16) {
  const at::TensorOptions options(device);
  flat_ = resident_zeros(layout_.size, options.dtype(at::kFloat));
  values_ = views(layout_, flat_);
  if (bf16) {
    compute_ = resident_zeros(layout_.size, options.dtype(at::kBFloat16));
    products_ = views(layout_, compute_);
  }
  place_frozen(bf16_in_files);
  tensors_ = assemble(config_, layout_, values_, products_);
}

void Weights::place_frozen(const std::vector<bool>& bf16_in_files) {
  const bool saved = layout_.size > 0;  // when something trains
  const auto type_of = [&](std::size_t i) -> std::optional<at::ScalarType> {
    const arch::Parameter& p = layout_.parameters[i];
    if (p.trains) return std::nullopt;
    const bool table = p.shape.size() == 2;
    const bool lookup = arch::traits(p.part).kind == PartKind::kEmbedding;
    const bool in_file = i < bf16_in_files.size() && bf16_in_files[i];
    // Only the processor's products widen weights as they read them.
    const bool kept = in_file && (bf16_ || device().is_cpu());
    const bool rounded = bf16_ && !saved && !lookup;
    return table && (kept || rounded) ? at::kBFloat16 : at::kFloat;
  };
  place(layout_, device(), type_of, values_);
  if (!bf16_) return;
  const auto copy_type = [&](std::size_t i) -> std::optional<at::ScalarType> {
    const bool copied =
        type_of(i) == at::kFloat && arch::is_multiplied(layout_.parameters[i], config_);
    return copied ? std::optional(at::kBFloat16) : std::nullopt;
  };
  place(layout_, device(), copy_type, products_);
}

ParameterTensors Weights::values_with(const Tensor& flat) const {
  ParameterTensors tensors = views(layout_, flat);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].defined()) tensors[i] = values_[i];
  }
  return tensors;
}

void Weights::initialize(std::uint64_t seed) {
  for (std::size_t i = 0; i < layout_.parameters.size(); ++i) {
    const arch::Parameter& parameter = layout_.parameters[i];
    Tensor& to = values_[i];
    const bool in_place = to.is_cpu() && to.scalar_type() == at::kFloat;
    const Tensor host = in_place ? to : at::empty(to.sizes(), at::kFloat);
    const std::span values(host.data_ptr<float>(), static_cast<std::size_t>(parameter.size));
    const double deviation = init_deviation(config_, parameter);
    if (deviation > 0) {
      fill_normal(values, deviation, seed, i);
    } else {
      const bool scale = !parameter.bias && arch::traits(parameter.part).kind == PartKind::kNorm;
      std::fill(values.begin(), values.end(), scale ? 1.0f : 0.0f);
    }
    if (!in_place) to.copy_(host);
  }
  refresh_compute();
}

void Weights::refresh_compute() {
  if (!bf16_) return;
  compute_.copy_(flat_);
  for (std::size_t i = 0; i < products_.size(); ++i) {
    if (!layout_.parameters[i].trains && products_[i].defined()) products_[i].copy_(values_[i]);
  }
}

}  // namespace llmops::tensor
