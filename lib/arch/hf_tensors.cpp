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
    for (auto& places : index_) places.fill(kAbsent);
    for (std::size_t i = 0; i < layout.parameters.size(); ++i) {
      const Parameter& p = layout.parameters[i];
      slot({p.part, p.layer, p.bias}) = i;
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

  // A parameter that a model may lack.
  struct Place {
    Part part;
    int layer = -1;
    bool bias = false;
  };

  std::size_t& slot(const Place& place) {
    return index_.at(static_cast<std::size_t>(place.layer + 1))
        .at(2 * static_cast<std::size_t>(place.part) + place.bias);
  }

  // All rows of the parameter; nothing when the model has no such parameter.
  void whole(std::string name, const Place& place, bool transposed = false) {
    const std::size_t i = slot(place);
    if (i == kAbsent) return;
    rows(std::move(name), place, 0, layout_.parameters[i].shape[0], transposed);
  }

  void rows(std::string name, const Place& place, std::int64_t row, std::int64_t count,
            bool transposed = false) {
    const std::size_t i = slot(place);
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

  // GPT-2's classes have every bias: zeros where this model has none.
  void with_bias(const std::string& name, Part part, int layer, bool transposed) {
    whole(name + ".weight", {part, layer}, transposed);
    const Place bias{part, layer, true};
    if (slot(bias) != kAbsent) return whole(name + ".bias", bias);
    HfTensor t;
    t.name = name + ".bias";
    t.shape = {layout_.parameters[slot({part, layer})].shape[0]};
    t.zero = true;
    list_.push_back(std::move(t));
  }

  void gpt2() {
    whole("transformer.wte.weight", {Part::kTokenEmbedding});
    whole("transformer.wpe.weight", {Part::kPositionEmbedding});
    for (int l = 0; l < static_cast<int>(c_.layers); ++l) {
      const std::string h = "transformer.h." + std::to_string(l) + ".";
      with_bias(h + "ln_1", Part::kNorm1, l, false);
      with_bias(h + "attn.c_attn", Part::kQkv, l, true);
      with_bias(h + "attn.c_proj", Part::kOut, l, true);
      with_bias(h + "ln_2", Part::kNorm2, l, false);
      with_bias(h + "mlp.c_fc", Part::kUp, l, true);
      with_bias(h + "mlp.c_proj", Part::kDown, l, true);
    }
    with_bias("transformer.ln_f", Part::kFinalNorm, -1, false);
    whole("lm_head.weight", {Part::kHead});
  }

  void llama() {
    const std::int64_t Q = c_.attention_size(), K = c_.kv_heads * c_.head_dim;
    const std::int64_t F = c_.intermediate_size;
    whole("model.embed_tokens.weight", {Part::kTokenEmbedding});
    for (int l = 0; l < static_cast<int>(c_.layers); ++l) {
      const std::string block = "model.layers." + std::to_string(l) + ".";
      const std::string attention = block + "self_attn.", mlp = block + "mlp.";
      whole(block + "input_layernorm.weight", {Part::kNorm1, l});
      for (const bool bias : {false, true}) {
        const std::string end = bias ? ".bias" : ".weight";
        const Place qkv{Part::kQkv, l, bias}, up{Part::kUp, l, bias};
        rows(attention + "q_proj" + end, qkv, 0, Q);
        rows(attention + "k_proj" + end, qkv, Q, K);
        rows(attention + "v_proj" + end, qkv, Q + K, K);
        whole(attention + "o_proj" + end, {Part::kOut, l, bias});
        rows(mlp + "gate_proj" + end, up, 0, F);
        rows(mlp + "up_proj" + end, up, F, F);
        whole(mlp + "down_proj" + end, {Part::kDown, l, bias});
      }
      whole(block + "post_attention_layernorm.weight", {Part::kNorm2, l});
    }
    whole("model.norm.weight", {Part::kFinalNorm});
    whole("lm_head.weight", {Part::kHead});
  }

  const TransformerConfig& c_;
  const ParameterLayout& layout_;
  std::vector<std::array<std::size_t, 2 * kParts>> index_;  // by layer + 1, part and bias
  std::vector<HfTensor> list_;
};

}  // namespace

std::vector<HfTensor> hf_tensors(const TransformerConfig& config, const ParameterLayout& layout) {
  check(config);
  return HfMap(config, layout).list();
}

}  // namespace llmops::arch
