#include "tensor/model/activations.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "tensor/model/memory.h"

namespace llmops::tensor {

namespace {

at::ScalarType scalar_type(plan::Buffer::Type type, plan::Precision precision) {
  switch (type) {
    case plan::Buffer::kFloat:
      return at::kFloat;
    case plan::Buffer::kActivation:
      return precision == plan::Precision::kBf16Mixed ? at::kBFloat16 : at::kFloat;
    case plan::Buffer::kInt32:
      return at::kInt;
  }
  return at::kFloat;
}

// Cuts tensors off one piece of memory, in order.
class Arena {
 public:
  Arena(Tensor memory, plan::Precision precision)
      : memory_(std::move(memory)), precision_(precision) {}

  Tensor take(const plan::Buffer& buffer) {
    const at::ScalarType type = scalar_type(buffer.type, precision_);
    std::int64_t bytes = static_cast<std::int64_t>(c10::elementSize(type));
    for (std::int64_t n : buffer.shape) bytes *= n;
    Tensor part = memory_.narrow(0, used_, bytes).view(type).view(buffer.shape);
    used_ += plan::bytes_of(buffer, precision_);
    return part;
  }

 private:
  Tensor memory_;
  plan::Precision precision_;
  std::int64_t used_ = 0;
};

std::int64_t arena_bytes(const std::vector<plan::Buffer>& buffers, std::int64_t layers,
                         plan::Precision precision) {
  std::int64_t bytes = 0;
  for (const plan::Buffer& buffer : buffers) {
    bytes += plan::bytes_of(buffer, precision) * (buffer.per_layer ? layers : 1);
  }
  return bytes;
}

Tensor LayerActivations::*layer_member(const std::string& name) {
  static const std::map<std::string, Tensor LayerActivations::*> members{
      {"x_in", &LayerActivations::x_in},       {"norm1", &LayerActivations::norm1},
      {"mean1", &LayerActivations::mean1},     {"rstd1", &LayerActivations::rstd1},
      {"qkv", &LayerActivations::qkv},         {"attention", &LayerActivations::attention},
      {"lse", &LayerActivations::lse},         {"x_mid", &LayerActivations::x_mid},
      {"norm2", &LayerActivations::norm2},     {"mean2", &LayerActivations::mean2},
      {"rstd2", &LayerActivations::rstd2},     {"mlp_pre", &LayerActivations::mlp_pre},
      {"mlp_act", &LayerActivations::mlp_act},
  };
  const auto found = members.find(name);
  return found == members.end() ? nullptr : found->second;
}

Tensor Activations::*shared_member(const std::string& name) {
  static const std::map<std::string, Tensor Activations::*> members{
      {"ids", &Activations::ids},
      {"positions", &Activations::positions},
      {"segments", &Activations::segments},
      {"targets", &Activations::targets},
      {"x_final", &Activations::x_final},
      {"norm_final", &Activations::norm_final},
      {"mean_final", &Activations::mean_final},
      {"rstd_final", &Activations::rstd_final},
      {"delta", &Activations::delta},
      {"dresidual", &Activations::dresidual},
      {"dresidual_act", &Activations::dresidual_act},
      {"dnorm", &Activations::dnorm},
      {"dattention", &Activations::dattention},
      {"dqkv", &Activations::dqkv},
      {"dmlp_pre", &Activations::dmlp_pre},
      {"dmlp_act", &Activations::dmlp_act},
      {"lookup", &Activations::lookup},
      {"slots", &Activations::slots},
      {"logits", &Activations::logits},
      {"losses", &Activations::losses},
      {"rope_cos", &Activations::rope_cos},
      {"rope_sin", &Activations::rope_sin},
  };
  const auto found = members.find(name);
  return found == members.end() ? nullptr : found->second;
}

void copy_ids(Tensor& to, const std::vector<std::int32_t>& from) {
  const std::int64_t size = std::ssize(from);
  const Tensor host = at::from_blob(const_cast<std::int32_t*>(from.data()), {size},
                                    at::TensorOptions().dtype(at::kInt));
  to.view({-1}).narrow(0, 0, size).copy_(host);
}

}  // namespace

Activations::Activations(const arch::TransformerConfig& config,
                         const std::vector<plan::Buffer>& buffers, std::int64_t row_count,
                         std::int64_t token_count, const at::Device& device,
                         plan::Precision precision)
    : rows(row_count), length(token_count) {
  arena = resident_zeros(arena_bytes(buffers, config.layers, precision),
                         at::TensorOptions(device).dtype(at::kByte));
  layers.resize(static_cast<std::size_t>(config.layers));
  Arena memory(arena, precision);
  for (const plan::Buffer& buffer : buffers) {
    if (Tensor LayerActivations::*member = layer_member(buffer.name)) {
      Tensor shared;
      if (!buffer.per_layer) shared = memory.take(buffer);
      for (LayerActivations& layer : layers) {
        layer.*member = buffer.per_layer ? memory.take(buffer) : shared;
      }
    } else {
      Tensor Activations::*shared = shared_member(buffer.name);
      LLMOPS_CHECK(shared != nullptr, buffer.name);
      this->*shared = memory.take(buffer);
    }
  }
  if (lookup.defined()) slot_of_id_.assign(static_cast<std::size_t>(config.vocab_size), -1);
  if (segments.defined()) segment_storage_ = segments.view({rows, length});
  if (rope_cos.defined()) fill_rope(rope_cos, rope_sin, config.rope_theta, config.head_dim);
}

void Activations::set_batch(const data::Batch& batch) {
  LLMOPS_CHECK(batch.length == length && batch.rows <= rows);
  if (batch.rows < rows) targets.fill_(data::kIgnore);
  copy_ids(ids, batch.inputs);
  copy_ids(positions, batch.positions);
  copy_ids(targets, batch.targets);
  segments = batch.segmented ? segment_storage_ : Tensor();
  if (batch.segmented) copy_ids(segments, batch.segment_start);
  if (lookup.defined()) assign_slots(batch.inputs);
}

void Activations::assign_slots(const std::vector<std::int32_t>& inputs) {
  std::vector<std::int32_t> of_inputs;
  of_inputs.reserve(inputs.size());
  for (const std::int32_t id : inputs) {
    std::int32_t& slot = slot_of_id_.at(static_cast<std::size_t>(id));
    if (slot < 0) {
      slot = static_cast<std::int32_t>(slot_ids_.size());
      slot_ids_.push_back(id);
    }
    of_inputs.push_back(slot);
  }
  LLMOPS_CHECK(std::ssize(slot_ids_) <= lookup.size(0));
  copy_ids(slots, of_inputs);
}

void Activations::add_lookups(Tensor& gradient) {
  if (!lookup.defined() || slot_ids_.empty()) return;
  const std::int64_t count = std::ssize(slot_ids_);
  const Tensor touched =
      at::from_blob(slot_ids_.data(), {count}, at::TensorOptions().dtype(at::kInt));
  // Every id once, so that the order of the sums is that of the lookups.
  gradient.index_add_(0, touched.to(gradient.device()), lookup.narrow(0, 0, count));
  discard_lookups();
}

void Activations::discard_lookups() {
  if (!lookup.defined()) return;
  lookup.zero_();
  for (const std::int32_t id : slot_ids_) slot_of_id_[static_cast<std::size_t>(id)] = -1;
  slot_ids_.clear();
}

void fill_rope(Tensor& cos, Tensor& sin, double theta, std::int64_t head_dim) {
  const std::int64_t positions = cos.size(0), half = cos.size(1);
  Tensor host_cos = at::empty({positions, half}, at::kFloat);
  Tensor host_sin = at::empty({positions, half}, at::kFloat);
  float* c = host_cos.data_ptr<float>();
  float* s = host_sin.data_ptr<float>();
  for (std::int64_t i = 0; i < half; ++i) {
    const double frequency =
        std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    for (std::int64_t p = 0; p < positions; ++p) {
      const double angle = static_cast<double>(p) * frequency;
      c[p * half + i] = static_cast<float>(std::cos(angle));
      s[p * half + i] = static_cast<float>(std::sin(angle));
    }
  }
  cos.copy_(host_cos);
  sin.copy_(host_sin);
}

}  // namespace llmops::tensor
