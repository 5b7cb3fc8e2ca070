#include "arch/parameters.h"

#include <array>
#include <utility>

namespace llmops::arch {
namespace {

// A 64-byte line of floats: kernels may load whole vectors from the start of every tensor.
constexpr std::int64_t kAlignment = 16;

constexpr std::array<PartTraits, kParts> kTraits{{
    {"embedding", PartKind::kEmbedding},
    {"positions", PartKind::kEmbedding},
    {"norm1", PartKind::kNorm},
    {"qkv", PartKind::kLinear},
    {"out", PartKind::kLinear, true},
    {"norm2", PartKind::kNorm},
    {"up", PartKind::kLinear},
    {"down", PartKind::kLinear, true},
    {"final_norm", PartKind::kNorm},
    {"head", PartKind::kLinear},
}};

// Every parameter in the order of the forward pass, without offsets.
class ForwardOrder {
 public:
  explicit ForwardOrder(const TransformerConfig& config) : c_(config) {}

  std::vector<Parameter> list() && {
    const std::int64_t C = c_.hidden_size;
    add(Part::kTokenEmbedding, -1, {c_.vocab_size, C});
    if (c_.positions == Positions::kLearned) {
      add(Part::kPositionEmbedding, -1, {c_.max_positions, C});
    }
    for (int layer = 0; layer < static_cast<int>(c_.layers); ++layer) block(layer);
    add(Part::kFinalNorm, -1, {C}, c_.norm_bias);
    if (!c_.tied) add(Part::kHead, -1, {c_.vocab_size, C});
    return std::move(list_);
  }

 private:
  void add(Part part, int layer, std::vector<std::int64_t> shape, bool with_bias = false) {
    std::vector<std::int64_t> bias_shape{shape[0]};
    add_one(part, layer, std::move(shape), false);
    if (with_bias) add_one(part, layer, std::move(bias_shape), true);
  }

  void add_one(Part part, int layer, std::vector<std::int64_t> shape, bool bias) {
    Parameter p;
    p.part = part;
    p.bias = bias;
    p.layer = layer;
    p.size = 1;
    for (const std::int64_t n : shape) p.size *= n;
    p.shape = std::move(shape);
    p.decay = !bias && traits(part).kind != PartKind::kNorm;
    if (layer >= 0) p.name = "layers." + std::to_string(layer) + ".";
    p.name.append(traits(part).name).append(bias ? ".bias" : ".weight");
    list_.push_back(std::move(p));
  }

  void block(int layer) {
    const std::int64_t C = c_.hidden_size, F = c_.intermediate_size;
    add(Part::kNorm1, layer, {C}, c_.norm_bias);
    add(Part::kQkv, layer, {c_.qkv_size(), C}, c_.attention_bias);
    add(Part::kOut, layer, {C, c_.attention_size()}, c_.attention_bias);
    add(Part::kNorm2, layer, {C}, c_.norm_bias);
    add(Part::kUp, layer, {c_.gated ? 2 * F : F, C}, c_.mlp_bias);
    add(Part::kDown, layer, {C, F}, c_.mlp_bias);
  }

  const TransformerConfig& c_;
  std::vector<Parameter> list_;
};

}  // namespace

const PartTraits& traits(Part part) {
  return kTraits.at(static_cast<std::size_t>(part));
}

bool is_multiplied(const Parameter& parameter, const TransformerConfig& config) {
  if (parameter.part == Part::kTokenEmbedding) return config.tied;
  return !parameter.bias && traits(parameter.part).kind == PartKind::kLinear;
}

ParameterLayout parameter_layout(const TransformerConfig& config) {
  return parameter_layout(config, [](const Parameter&) { return false; });
}

ParameterLayout parameter_layout(const TransformerConfig& config,
                                 const std::function<bool(const Parameter&)>& frozen) {
  check(config);
  std::vector<Parameter> forward = ForwardOrder(config).list();
  ParameterLayout layout;
  layout.parameters.reserve(forward.size());
  for (const bool decay : {true, false}) {
    for (Parameter& p : forward) {
      if (p.decay != decay) continue;
      p.trains = !frozen(p);
      if (p.trains) {
        p.offset = layout.size;
        layout.size += (p.size + kAlignment - 1) / kAlignment * kAlignment;
      }
      layout.parameters.push_back(std::move(p));
    }
    if (decay) layout.decay_size = layout.size;
  }
  return layout;
}

const Parameter* ParameterLayout::find(Part part, int layer, bool bias) const {
  for (const Parameter& p : parameters) {
    if (p.part == part && p.layer == layer && p.bias == bias) return &p;
  }
  return nullptr;
}

}  // namespace llmops::arch
