#include "arch/transformer_config.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace llmops::arch {
namespace {

// With these bounds every product below is far under 2^63: one block has at most
// 7 * 2^40 weights, a thousand blocks under 2^53.
constexpr std::int64_t kMaxLayers = 1000;
constexpr std::int64_t kMaxSize = std::int64_t{1} << 20;
constexpr std::int64_t kMaxVocab = std::int64_t{1} << 24;

// Collects the problems of a config, one sentence each.
class Problems {
 public:
  explicit Problems(const TransformerConfig& config) : c_(config) {}
  std::vector<std::string> list() && {
    sizes();
    if (found_.empty()) {
      numbers();
      tokens();
      family();
    }
    return std::move(found_);
  }

 private:
  template <typename... Args>
  void require(bool holds, fmt::format_string<Args...> format, Args&&... args) {
    if (!holds) found_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  void size(std::string_view name, std::int64_t value, std::int64_t high) {
    require(value >= 1 && value <= high, "{} is {}, must be 1 to {}", name, value, high);
  }

  void sizes() {
    size("vocab_size", c_.vocab_size, kMaxVocab);
    size("hidden_size", c_.hidden_size, kMaxSize);
    size("num_hidden_layers", c_.layers, kMaxLayers);
    size("num_attention_heads", c_.heads, kMaxSize);
    size("num_key_value_heads", c_.kv_heads, kMaxSize);
    size("head_dim", c_.head_dim, kMaxSize);
    size("intermediate_size", c_.intermediate_size, kMaxSize);
    size("max_position_embeddings", c_.max_positions, kMaxVocab);
    require(c_.sliding_window >= 0 && c_.sliding_window <= kMaxVocab,
            "sliding_window is {}, must be 0 to {}", c_.sliding_window, kMaxVocab);
    if (!found_.empty()) return;
    require(c_.heads % c_.kv_heads == 0,
            "num_attention_heads {} is not divisible by num_key_value_heads {}", c_.heads,
            c_.kv_heads);
    require(c_.attention_size() <= kMaxSize, "num_attention_heads {} x head_dim {} is over {}",
            c_.heads, c_.head_dim, kMaxSize);
  }

  void numbers() {
    require(c_.norm_eps > 0 && c_.norm_eps < 1, "norm_eps is {}, must be above 0 and below 1",
            c_.norm_eps);
    require(c_.rope_theta >= 1 && c_.rope_theta <= 1e15, "rope_theta is {}, must be 1 to 1e15",
            c_.rope_theta);
    require(c_.dropout >= 0 && c_.dropout < 1, "dropout is {}, must be at least 0 and below 1",
            c_.dropout);
    require(c_.initializer_range >= 0 && c_.initializer_range <= 1,
            "initializer_range is {}, must be 0 to 1", c_.initializer_range);
    require(c_.positions != Positions::kRope || c_.head_dim % 2 == 0,
            "head_dim is {}, must be even with rotary positions", c_.head_dim);
  }

  void tokens() {
    const auto inside = [this](const std::optional<std::int64_t>& id) {
      return !id || (*id >= 0 && *id < c_.vocab_size);
    };
    require(inside(c_.bos_token_id), "bos_token_id is outside the vocabulary");
    require(inside(c_.eos_token_id), "eos_token_id is outside the vocabulary");
    require(inside(c_.pad_token_id), "pad_token_id is outside the vocabulary");
  }

  void family() {
    if (c_.family == "gpt2") {
      gpt2();
    } else if (c_.family == "llama" || c_.family == "mistral") {
      llama();
    } else {
      require(false, "unknown family \"{}\"; known are gpt2, llama, mistral", c_.family);
    }
  }

  // The limits of GPT2LMHeadModel.
  void gpt2() {
    require(c_.norm == Norm::kLayerNorm, "gpt2 has LayerNorm, not RMSNorm");
    require(c_.positions == Positions::kLearned, "gpt2 has learned positions, not rotary ones");
    require(!c_.gated, "gpt2 has no gated MLP");
    require(c_.attention_size() == c_.hidden_size,
            "hidden_size {} is not num_attention_heads {} x head_dim {}, as gpt2 needs",
            c_.hidden_size, c_.heads, c_.head_dim);
    require(c_.kv_heads == c_.heads, "gpt2 has no grouped key-value heads");
    require(c_.sliding_window == 0, "gpt2 has no sliding window");
  }

  // The limits of LlamaForCausalLM and MistralForCausalLM.
  void llama() {
    const std::string& f = c_.family;
    require(c_.norm == Norm::kRmsNorm, "{} has RMSNorm, not LayerNorm", f);
    require(!c_.norm_bias, "{} has no bias on its norms", f);
    require(c_.positions == Positions::kRope, "{} has rotary positions, not learned ones", f);
    require(c_.gated && c_.activation == Activation::kSilu, "{} has a SwiGLU MLP", f);
    if (f == "llama") {
      require(c_.hidden_size % c_.heads == 0,
              "hidden_size {} is not divisible by num_attention_heads {}", c_.hidden_size,
              c_.heads);
      require(c_.sliding_window == 0, "llama has no sliding window; mistral has one");
    } else {
      require(!c_.attention_bias && !c_.mlp_bias, "mistral has no biases; llama has them");
    }
  }

  const TransformerConfig& c_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> problems_of(const TransformerConfig& config) {
  return Problems(config).list();
}

void check(const TransformerConfig& config) {
  const auto problems = problems_of(config);
  if (!problems.empty()) throw usage_error("model: {}", join(problems, "; "));
}

std::int64_t TransformerConfig::parameter_count() const {
  const std::int64_t C = hidden_size, F = intermediate_size;
  const std::int64_t up = gated ? 2 * F : F;
  const std::int64_t per_norm = norm_bias ? 2 * C : C;
  const std::int64_t attention = qkv_size() * C + C * attention_size();
  const std::int64_t mlp = up * C + C * F;
  const std::int64_t biases = (attention_bias ? qkv_size() + C : 0) + (mlp_bias ? up + C : 0);
  std::int64_t total = layers * (attention + mlp + biases + 2 * per_norm);
  total += per_norm + vocab_size * C;
  if (positions == Positions::kLearned) total += max_positions * C;
  if (!tied) total += vocab_size * C;
  return total;
}

std::int64_t TransformerConfig::matmul_parameter_count() const {
  std::int64_t looked_up = 0;
  if (positions == Positions::kLearned) looked_up += max_positions * hidden_size;
  if (!tied) looked_up += vocab_size * hidden_size;
  return parameter_count() - looked_up;
}

double TransformerConfig::flops_per_token(std::int64_t context) const {
  const std::int64_t keys = sliding_window > 0 ? std::min(context, sliding_window) : context;
  return 6.0 * static_cast<double>(matmul_parameter_count()) +
         12.0 * static_cast<double>(layers * attention_size()) * static_cast<double>(keys);
}

}  // namespace llmops::arch
