#include "arch/parameters.h"

#include <utility>

namespace llmops::arch {
namespace {

// A 64-byte line of floats: kernels may load whole vectors from every tensor's start.
constexpr std::int64_t kAlignment = 16;

bool decays(Role role) {
  switch (role) {
    case Role::kTokenEmbedding:
    case Role::kPositionEmbedding:
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

std::string name_of(Role role) {
  switch (role) {
    case Role::kTokenEmbedding:
      return "embedding.weight";
    case Role::kPositionEmbedding:
      return "positions.weight";
    case Role::kNorm1Weight:
      return "norm1.weight";
    case Role::kNorm1Bias:
      return "norm1.bias";
    case Role::kQkvWeight:
      return "qkv.weight";
    case Role::kQkvBias:
      return "qkv.bias";
    case Role::kOutWeight:
      return "out.weight";
    case Role::kOutBias:
      return "out.bias";
    case Role::kNorm2Weight:
      return "norm2.weight";
    case Role::kNorm2Bias:
      return "norm2.bias";
    case Role::kUpWeight:
      return "up.weight";
    case Role::kUpBias:
      return "up.bias";
    case Role::kDownWeight:
      return "down.weight";
    case Role::kDownBias:
      return "down.bias";
    case Role::kFinalNormWeight:
      return "final_norm.weight";
    case Role::kFinalNormBias:
      return "final_norm.bias";
    case Role::kHeadWeight:
      return "head.weight";
  }
  return {};
}

// Every parameter in the order of the forward pass, without offsets.
class ForwardOrder {
 public:
  explicit ForwardOrder(const TransformerConfig& config) : c_(config) {}

  std::vector<Parameter> list() && {
    const std::int64_t C = c_.hidden_size;
    add(Role::kTokenEmbedding, -1, {c_.vocab_size, C});
    if (c_.positions == Positions::kLearned) {
      add(Role::kPositionEmbedding, -1, {c_.max_positions, C});
    }
    for (int layer = 0; layer < static_cast<int>(c_.layers); ++layer) block(layer);
    norm(Role::kFinalNormWeight, Role::kFinalNormBias, -1);
    if (!c_.tied) add(Role::kHeadWeight, -1, {c_.vocab_size, C});
    return std::move(list_);
  }

 private:
  void add(Role role, int layer, std::vector<std::int64_t> shape) {
    Parameter p;
    p.role = role;
    p.layer = layer;
    p.size = 1;
    for (const std::int64_t n : shape) p.size *= n;
    p.shape = std::move(shape);
    p.decay = decays(role);
    if (layer >= 0) p.name = "layers." + std::to_string(layer) + ".";
    p.name += name_of(role);
    list_.push_back(std::move(p));
  }

  void norm(Role weight, Role bias, int layer) {
    add(weight, layer, {c_.hidden_size});
    if (c_.norm_bias) add(bias, layer, {c_.hidden_size});
  }

  void linear(Role weight, Role bias, int layer, std::int64_t out, std::int64_t in, bool biased) {
    add(weight, layer, {out, in});
    if (biased) add(bias, layer, {out});
  }

  void block(int layer) {
    const std::int64_t C = c_.hidden_size, F = c_.intermediate_size;
    norm(Role::kNorm1Weight, Role::kNorm1Bias, layer);
    linear(Role::kQkvWeight, Role::kQkvBias, layer, c_.qkv_size(), C, c_.attention_bias);
    linear(Role::kOutWeight, Role::kOutBias, layer, C, c_.attention_size(), c_.attention_bias);
    norm(Role::kNorm2Weight, Role::kNorm2Bias, layer);
    linear(Role::kUpWeight, Role::kUpBias, layer, c_.gated ? 2 * F : F, C, c_.mlp_bias);
    linear(Role::kDownWeight, Role::kDownBias, layer, C, F, c_.mlp_bias);
  }

  const TransformerConfig& c_;
  std::vector<Parameter> list_;
};

}  // namespace

ParameterLayout parameter_layout(const TransformerConfig& config) {
  check(config);
  std::vector<Parameter> forward = ForwardOrder(config).list();
  ParameterLayout layout;
  layout.parameters.reserve(forward.size());
  for (const bool decay : {true, false}) {
    for (Parameter& p : forward) {
      if (p.decay != decay) continue;
      p.offset = layout.size;
      layout.size += (p.size + kAlignment - 1) / kAlignment * kAlignment;
      layout.parameters.push_back(std::move(p));
    }
    if (decay) layout.decay_size = layout.size;
  }
  return layout;
}

const Parameter* ParameterLayout::find(Role role, int layer) const {
  for (const Parameter& p : parameters) {
    if (p.role == role && p.layer == layer) return &p;
  }
  return nullptr;
}

}  // namespace llmops::arch
