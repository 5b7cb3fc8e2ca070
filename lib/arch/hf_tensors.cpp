#include <array>
#include <utility>

#include "arch/parameters.h"
#include "base/error.h"

// The names and shapes of the weights as transformers saves them: GPT2LMHeadModel,
// LlamaForCausalLM, MistralForCausalLM. A tied head is not written.
namespace llmops::arch {
namespace {

class HfMap {
 public:
  HfMap(const TransformerConfig& config, const ParameterLayout& layout)
      : c_(config), layout_(layout) {
    index_.resize(static_cast<std::size_t>(c_.layers) + 1);
    for (auto& roles : index_) roles.fill(kAbsent);
    for (std::size_t i = 0; i < layout.parameters.size(); ++i) {
      const Parameter& p = layout.parameters[i];
      slot(p.role, p.layer) = i;
    }
  }

  std::vector<HfTensor> list() && {
    if (c_.family == "gpt2") {
      gpt2();
    } else {
      llama();
    }
    return std::move(list_);
  }

 private:
  static constexpr std::size_t kAbsent = ~std::size_t{0};
  static constexpr std::size_t kRoles = static_cast<std::size_t>(Role::kHeadWeight) + 1;

  std::size_t& slot(Role role, int layer) {
    return index_.at(static_cast<std::size_t>(layer + 1)).at(static_cast<std::size_t>(role));
  }

  // All rows of the parameter; nothing when the model has no such parameter.
  void whole(std::string name, Role role, int layer, bool transposed = false) {
    const std::size_t i = slot(role, layer);
    if (i == kAbsent) return;
    rows(std::move(name), role, layer, 0, layout_.parameters[i].shape[0], transposed);
  }

  void rows(std::string name, Role role, int layer, std::int64_t row, std::int64_t count,
            bool transposed = false) {
    const std::size_t i = slot(role, layer);
    if (i == kAbsent) return;
    const Parameter& p = layout_.parameters[i];
    HfTensor t;
    t.name = std::move(name);
    t.shape = p.shape;
    t.shape[0] = count;
    if (transposed) std::swap(t.shape.at(0), t.shape.at(1));
    t.parameter = i;
    t.row = row;
    t.rows = count;
    t.transposed = transposed;
    list_.push_back(std::move(t));
  }

  // The parameter, or zeros where transformers wants a bias that this model does not have.
  void or_zeros(std::string name, Role role, int layer, std::int64_t size) {
    if (slot(role, layer) != kAbsent) return whole(std::move(name), role, layer);
    HfTensor t;
    t.name = std::move(name);
    t.shape = {size};
    t.zero = true;
    list_.push_back(std::move(t));
  }

  void gpt2() {
    const std::int64_t C = c_.hidden_size;
    whole("transformer.wte.weight", Role::kTokenEmbedding, -1);
    whole("transformer.wpe.weight", Role::kPositionEmbedding, -1);
    for (int l = 0; l < static_cast<int>(c_.layers); ++l) {
      const std::string h = "transformer.h." + std::to_string(l) + ".";
      whole(h + "ln_1.weight", Role::kNorm1Weight, l);
      or_zeros(h + "ln_1.bias", Role::kNorm1Bias, l, C);
      whole(h + "attn.c_attn.weight", Role::kQkvWeight, l, true);
      or_zeros(h + "attn.c_attn.bias", Role::kQkvBias, l, c_.qkv_size());
      whole(h + "attn.c_proj.weight", Role::kOutWeight, l, true);
      or_zeros(h + "attn.c_proj.bias", Role::kOutBias, l, C);
      whole(h + "ln_2.weight", Role::kNorm2Weight, l);
      or_zeros(h + "ln_2.bias", Role::kNorm2Bias, l, C);
      whole(h + "mlp.c_fc.weight", Role::kUpWeight, l, true);
      or_zeros(h + "mlp.c_fc.bias", Role::kUpBias, l, c_.intermediate_size);
      whole(h + "mlp.c_proj.weight", Role::kDownWeight, l, true);
      or_zeros(h + "mlp.c_proj.bias", Role::kDownBias, l, C);
    }
    whole("transformer.ln_f.weight", Role::kFinalNormWeight, -1);
    or_zeros("transformer.ln_f.bias", Role::kFinalNormBias, -1, C);
    whole("lm_head.weight", Role::kHeadWeight, -1);
  }

  void llama() {
    const std::int64_t Q = c_.attention_size(), K = c_.kv_heads * c_.head_dim;
    const std::int64_t F = c_.intermediate_size;
    whole("model.embed_tokens.weight", Role::kTokenEmbedding, -1);
    for (int l = 0; l < static_cast<int>(c_.layers); ++l) {
      const std::string block = "model.layers." + std::to_string(l) + ".";
      whole(block + "input_layernorm.weight", Role::kNorm1Weight, l);
      for (const bool bias : {false, true}) {
        const std::string end = bias ? ".bias" : ".weight";
        const Role qkv = bias ? Role::kQkvBias : Role::kQkvWeight;
        const Role up = bias ? Role::kUpBias : Role::kUpWeight;
        const std::string attention = block + "self_attn.", mlp = block + "mlp.";
        rows(attention + "q_proj" + end, qkv, l, 0, Q);
        rows(attention + "k_proj" + end, qkv, l, Q, K);
        rows(attention + "v_proj" + end, qkv, l, Q + K, K);
        whole(attention + "o_proj" + end, bias ? Role::kOutBias : Role::kOutWeight, l);
        rows(mlp + "gate_proj" + end, up, l, 0, F);
        rows(mlp + "up_proj" + end, up, l, F, F);
        whole(mlp + "down_proj" + end, bias ? Role::kDownBias : Role::kDownWeight, l);
      }
      whole(block + "post_attention_layernorm.weight", Role::kNorm2Weight, l);
    }
    whole("model.norm.weight", Role::kFinalNormWeight, -1);
    whole("lm_head.weight", Role::kHeadWeight, -1);
  }

  const TransformerConfig& c_;
  const ParameterLayout& layout_;
  std::vector<std::array<std::size_t, kRoles>> index_;  // by layer + 1
  std::vector<HfTensor> list_;
};

}  // namespace

std::vector<HfTensor> hf_tensors(const TransformerConfig& config, const ParameterLayout& layout) {
  check(config);
  return HfMap(config, layout).list();
}

}  // namespace llmops::arch
