#include "tensor/model/activations.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
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

const std::map<std::string, Tensor LayerActivations::*>& layer_members() {
  static const std::map<std::string, Tensor LayerActivations::*> members{
      {"x_in", &LayerActivations::x_in},       {"norm1", &LayerActivations::norm1},
      {"mean1", &LayerActivations::mean1},     {"rstd1", &LayerActivations::rstd1},
      {"qkv", &LayerActivations::qkv},         {"attention", &LayerActivations::attention},
      {"lse", &LayerActivations::lse},         {"x_mid", &LayerActivations::x_mid},
      {"norm2", &LayerActivations::norm2},     {"mean2", &LayerActivations::mean2},
      {"rstd2", &LayerActivations::rstd2},     {"mlp_pre", &LayerActivations::mlp_pre},
      {"mlp_act", &LayerActivations::mlp_act},
  };
  return members;
}

const std::map<std::string, Tensor Activations::*>& shared_members() {
  static const std::map<std::string, Tensor Activations::*> members{
      {"ids", &Activations::ids},
      {"positions", &Activations::positions},
      {"segments", &Activations::segment_rows},
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
  };
  return members;
}

}  // namespace

// A GPU copies pinned memory while the host continues; the allocator keeps it until then.
void copy_ids(Tensor& to, std::span<const std::int32_t> from) {
  const std::int64_t size = std::ssize(from);
  Tensor part = to.view({-1}).narrow(0, 0, size);
  Tensor host = part;
  if (to.is_cuda()) host = at::empty({size}, at::TensorOptions(at::kInt).pinned_memory(true));
  std::copy(from.begin(), from.end(), host.data_ptr<std::int32_t>());
  if (to.is_cuda()) part.copy_(host, /*non_blocking=*/true);
}

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
    const auto of_layer = layer_members().find(buffer.name);
    if (of_layer != layer_members().end()) {
      Tensor shared;
      if (!buffer.per_layer) shared = memory.take(buffer);
      for (LayerActivations& layer : layers) {
        layer.*of_layer->second = buffer.per_layer ? memory.take(buffer) : shared;
      }
    } else {
      const auto shared = shared_members().find(buffer.name);
      LLMOPS_CHECK(shared != shared_members().end(), buffer.name);
      this->*shared->second = memory.take(buffer);
    }
  }
  if (lookup.defined()) slot_of_id_.assign(static_cast<std::size_t>(config.vocab_size), -1);
}

void Activations::set_batch(const data::Batch& batch) {
  LLMOPS_CHECK(batch.length == length && batch.rows <= rows);
  if (batch.rows < rows) targets.fill_(data::kIgnore);
  copy_ids(ids, batch.inputs);
  copy_ids(positions, batch.positions);
  copy_ids(targets, batch.targets);
  set_segments(batch);
  if (lookup.defined()) assign_slots(batch.inputs);
}

void Activations::set_segments(const data::Batch& batch) {
  segments = {};
  if (!batch.segmented) return;
  copy_ids(segment_rows, batch.segment_start);
  segments.start = segment_rows.view({rows, length});
  if (!segment_rows.is_cuda()) return;
  std::vector<std::int32_t> offsets;
  const auto begin_at = [&](std::int64_t token) {
    if (!offsets.empty()) segments.longest = std::max(segments.longest, token - offsets.back());
    offsets.push_back(static_cast<std::int32_t>(token));
  };
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t t = 0; t < length; ++t) {
      const auto at = static_cast<std::size_t>(row * length + t);
      // Rows without data are one document each.
      if (t == 0 || (row < batch.rows && batch.segment_start[at] == t)) begin_at(row * length + t);
    }
  }
  begin_at(rows * length);
  segments.offsets = at::empty({std::ssize(offsets)}, segment_rows.options());
  copy_ids(segments.offsets, offsets);
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

Activations Activations::first(std::int64_t tokens) const {
  LLMOPS_CHECK(rows == 1 && tokens <= length && !lookup.defined());
  Activations part = *this;
  part.length = tokens;
  const auto cut = [&](const Tensor& whole) {
    return whole.defined() && whole.size(0) == length ? whole.narrow(0, 0, tokens) : whole;
  };
  for (const auto& [name, member] : layer_members()) {
    const Tensor buffer = cut(layers.front().*member);  // all layers name the same one
    for (LayerActivations& layer : part.layers) layer.*member = buffer;
  }
  for (const auto& [name, member] : shared_members()) {
    if (name != "logits") part.*member = cut(this->*member);
  }
  return part;
}

}  // namespace llmops::tensor
