#include <array>

#include "arch/transformer_config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

// Reads and writes config.json as transformers 4 and 5 do. GPT-2 always has biases there; a model
// without them is saved with zero biases and a key that transformers keeps but does not use.
namespace llmops::arch {
namespace {

// The files of large models, with all their languages and tasks, are under 100 KB.
constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;
constexpr const char* kDropout = "llmops_dropout";
constexpr const char* kAttentionBias = "llmops_attention_bias";
constexpr const char* kMlpBias = "llmops_mlp_bias";
constexpr const char* kNormBias = "llmops_norm_bias";

struct ActivationName {
  Activation activation;
  std::string_view name;
};
// The first name of each is the one written.
constexpr std::array<ActivationName, 5> kActivations{{
    {Activation::kGeluTanh, "gelu_new"},
    {Activation::kGeluTanh, "gelu_pytorch_tanh"},
    {Activation::kGelu, "gelu"},
    {Activation::kSilu, "silu"},
    {Activation::kSilu, "swish"},
}};

// The members of a config.json. A null or missing member has the default of transformers.
class Reader {
 public:
  Reader(const Json& json, const std::string& path) : json_(json), path_(path) {
    if (!json.is_object()) throw damaged("not a JSON object").at(path);
  }

  const Json* find(std::string_view key) const {
    const Json* value = json_.find(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  bool has(std::string_view key) const { return json_.find(key) != nullptr; }
  std::int64_t required(std::string_view key) const {
    const Json* value = find(key);
    if (value == nullptr) throw damaged("{} is missing", key).at(path_);
    return integer(key, *value);
  }
  std::int64_t integer(std::string_view key, std::int64_t otherwise) const {
    const Json* value = find(key);
    return value == nullptr ? otherwise : integer(key, *value);
  }
  double number(std::string_view key, double otherwise) const {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) throw damaged("{} is not a number", key).at(path_);
    return value->as_double();
  }
  bool flag(std::string_view key, bool otherwise) const {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_bool()) throw damaged("{} is not true or false", key).at(path_);
    return value->as_bool();
  }
  std::string text(std::string_view key, std::string_view otherwise) const {
    const Json* value = find(key);
    if (value == nullptr) return std::string(otherwise);
    if (!value->is_string()) throw damaged("{} is not a string", key).at(path_);
    return value->as_string();
  }
  // Refuses a feature that is not implemented: computing without it would give other numbers.
  [[noreturn]] void refuse(std::string_view key, std::string_view value) const {
    throw damaged("{} {} is not supported", key, printable(value)).at(path_);
  }

 private:
  std::int64_t integer(std::string_view key, const Json& value) const {
    if (!value.is_int()) throw damaged("{} is not an integer", key).at(path_);
    return value.as_int();
  }

  const Json& json_;
  const std::string& path_;
};

Activation read_activation(const Reader& in, std::string_view key, std::string_view otherwise) {
  const std::string name = in.text(key, otherwise);
  for (const ActivationName& known : kActivations) {
    if (known.name == name) return known.activation;
  }
  in.refuse(key, name);
}

// Returns the first of a list of end tokens: the others are in generation_config.json. Ids outside
// the vocabulary (transformers' defaults for small vocabularies, -1 for "none") are ignored.
std::optional<std::int64_t> read_token(const Reader& in, std::string_view key,
                                       std::int64_t vocab_size) {
  const Json* value = in.find(key);
  if (value != nullptr && value->is_array()) {
    value = value->size() == 0 ? nullptr : &value->as_array().front();
  }
  if (value == nullptr || !value->is_int()) return std::nullopt;
  const std::int64_t id = value->as_int();
  if (id < 0 || id >= vocab_size) return std::nullopt;
  return id;
}

void read_gpt2(const Reader& in, TransformerConfig& c) {
  c.hidden_size = in.required("n_embd");
  c.layers = in.required("n_layer");
  c.heads = c.kv_heads = in.required("n_head");
  c.max_positions = in.required("n_positions");
  if (c.heads < 1) in.refuse("n_head", std::to_string(c.heads));
  c.head_dim = c.hidden_size / c.heads;
  // 4 C is computed only if C is small enough; check() refuses a larger C.
  const std::int64_t C = c.hidden_size;
  c.intermediate_size = in.integer("n_inner", C > 0 && C <= (1 << 20) ? 4 * C : 0);
  c.activation = read_activation(in, "activation_function", "gelu_new");
  c.attention_bias = in.flag(kAttentionBias, true);
  c.mlp_bias = in.flag(kMlpBias, true);
  c.norm_bias = in.flag(kNormBias, true);
  c.norm_eps = in.number("layer_norm_epsilon", 1e-5);
  c.tied = in.flag("tie_word_embeddings", true);
  // Dropout never changes the output of a trained model, so one value represents the three.
  c.dropout = in.number("resid_pdrop", 0.1);
  if (!in.flag("scale_attn_weights", true)) in.refuse("scale_attn_weights", "false");
  for (const char* key : {"scale_attn_by_inverse_layer_idx", "add_cross_attention"}) {
    if (in.flag(key, false)) in.refuse(key, "true");
  }
}

// transformers 4 has rope_theta and rope_scaling, 5 has rope_parameters {rope_theta, rope_type}.
double read_rope(const Reader& in, const std::string& path) {
  double theta = in.number("rope_theta", 10000.0);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Json* rope = in.find(key);
    if (rope == nullptr) continue;
    const Reader inner(*rope, path);
    const std::string type = inner.text("rope_type", inner.text("type", "default"));
    if (type != "default") in.refuse(key, type);
    if (inner.number("partial_rotary_factor", 1) != 1) in.refuse(key, "partial_rotary_factor");
    theta = inner.number("rope_theta", theta);
  }
  if (in.number("partial_rotary_factor", 1) != 1) in.refuse("partial_rotary_factor", "below 1");
  return theta;
}

void read_llama(const Reader& in, const std::string& path, TransformerConfig& c) {
  const bool mistral = c.family == "mistral";
  c.norm = Norm::kRmsNorm;
  c.positions = Positions::kRope;
  c.gated = true;
  c.hidden_size = in.required("hidden_size");
  c.layers = in.required("num_hidden_layers");
  c.heads = in.required("num_attention_heads");
  if (c.heads < 1) in.refuse("num_attention_heads", std::to_string(c.heads));
  c.kv_heads = in.integer("num_key_value_heads", mistral ? 8 : c.heads);
  c.head_dim = in.integer("head_dim", c.hidden_size / c.heads);
  c.intermediate_size = in.required("intermediate_size");
  c.max_positions = in.integer("max_position_embeddings", mistral ? 131072 : 2048);
  c.activation = read_activation(in, "hidden_act", "silu");
  if (c.activation != Activation::kSilu) in.refuse("hidden_act", in.text("hidden_act", ""));
  c.norm_eps = in.number("rms_norm_eps", 1e-6);
  c.rope_theta = read_rope(in, path);
  c.attention_bias = in.flag("attention_bias", false);
  c.mlp_bias = in.flag("mlp_bias", false);
  c.tied = in.flag("tie_word_embeddings", false);
  // attention_dropout acts on the attention weights alone; dropout here acts on the branches too.
  c.dropout = in.number(kDropout, 0.0);
  if (!mistral) return;
  // null means no window; only a missing key has transformers' default.
  c.sliding_window = in.integer("sliding_window", in.has("sliding_window") ? 0 : 4096);
  if (const Json* types = in.find("layer_types"); types != nullptr && types->is_array()) {
    for (const Json& type : types->as_array()) {
      const bool sliding = type.is_string() && type.as_string() == "sliding_attention";
      if (sliding != (c.sliding_window > 0)) in.refuse("layer_types", "of mixed kinds");
    }
  }
}

}  // namespace

TransformerConfig read_hf_config(const Json& json, const std::string& path) {
  const Reader in(json, path);
  TransformerConfig c;
  c.family = in.text("model_type", "");
  c.vocab_size = in.required("vocab_size");
  if (in.find("quantization_config") != nullptr) in.refuse("quantization_config", "");
  if (c.family == "gpt2") {
    read_gpt2(in, c);
  } else if (c.family == "llama" || c.family == "mistral") {
    read_llama(in, path, c);
  } else {
    throw damaged("model_type \"{}\" is not supported", printable(c.family))
        .at(path)
        .hint("known are gpt2, llama, mistral");
  }
  c.initializer_range = in.number("initializer_range", 0.02);
  c.bos_token_id = read_token(in, "bos_token_id", c.vocab_size);
  c.eos_token_id = read_token(in, "eos_token_id", c.vocab_size);
  c.pad_token_id = read_token(in, "pad_token_id", c.vocab_size);
  const auto problems = problems_of(c);
  if (!problems.empty()) throw damaged("{}", join(problems, "; ")).at(path);
  return c;
}

TransformerConfig load_hf_config(const std::string& folder) {
  const std::string path = join_path(folder, "config.json");
  return read_hf_config(parse_json(read_file(path, kMaxConfigBytes, ExitCode::kDamaged), path),
                        path);
}

namespace {

std::string_view name_of(Activation activation) {
  for (const ActivationName& known : kActivations) {
    if (known.activation == activation) return known.name;
  }
  return {};
}

void write_gpt2(const TransformerConfig& c, Json& out) {
  out.set("n_embd", c.hidden_size)
      .set("n_layer", c.layers)
      .set("n_head", c.heads)
      .set("n_inner", c.intermediate_size)
      .set("n_positions", c.max_positions)
      .set("n_ctx", c.max_positions)
      .set("activation_function", name_of(c.activation))
      .set("layer_norm_epsilon", c.norm_eps)
      .set("resid_pdrop", c.dropout)
      .set("embd_pdrop", c.dropout)
      .set("attn_pdrop", c.dropout)
      .set("scale_attn_weights", true);
  if (!c.attention_bias) out.set(kAttentionBias, false);
  if (!c.mlp_bias) out.set(kMlpBias, false);
  if (!c.norm_bias) out.set(kNormBias, false);
}

void write_llama(const TransformerConfig& c, Json& out) {
  out.set("hidden_size", c.hidden_size)
      .set("num_hidden_layers", c.layers)
      .set("num_attention_heads", c.heads)
      .set("num_key_value_heads", c.kv_heads)
      .set("head_dim", c.head_dim)
      .set("intermediate_size", c.intermediate_size)
      .set("max_position_embeddings", c.max_positions)
      .set("hidden_act", name_of(c.activation))
      .set("rms_norm_eps", c.norm_eps)
      .set("rope_theta", c.rope_theta)
      .set("rope_scaling", nullptr)
      .set("attention_dropout", c.dropout);
  if (c.dropout > 0) out.set(kDropout, c.dropout);
  if (c.family == "llama") {
    out.set("attention_bias", c.attention_bias).set("mlp_bias", c.mlp_bias);
  } else {
    out.set("sliding_window", c.sliding_window > 0 ? Json(c.sliding_window) : Json());
  }
}

std::string_view architecture(const std::string& family) {
  if (family == "gpt2") return "GPT2LMHeadModel";
  return family == "llama" ? "LlamaForCausalLM" : "MistralForCausalLM";
}

}  // namespace

Json write_hf_config(const TransformerConfig& config) {
  check(config);
  Json out = Json::object();
  out.set("architectures", Json::array().push(architecture(config.family)))
      .set("model_type", config.family)
      .set("vocab_size", config.vocab_size);
  if (config.family == "gpt2") {
    write_gpt2(config, out);
  } else {
    write_llama(config, out);
  }
  // Without this, transformers would give ids that are null here its defaults (50256, 1, 2).
  out.set("initializer_range", config.initializer_range)
      .set("bos_token_id", config.bos_token_id)
      .set("eos_token_id", config.eos_token_id)
      .set("pad_token_id", config.pad_token_id)
      .set("tie_word_embeddings", config.tied)
      .set("torch_dtype", "float32")
      .set("use_cache", true);
  return out;
}

}  // namespace llmops::arch
