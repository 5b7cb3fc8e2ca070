#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/transformer_config.h"
#include "config/visitor.h"
#include "recipe/choices.h"

// One struct per section of a recipe. The default of a key is at its member; its meaning, bounds
// and role are in fields(), in sections.cpp.
namespace llmops::recipe {

// The rules of names of runs and experiments and of tags: each is shown in one line.
config::Rule name_rule();
config::Rule tag_rule();
// The rule of folders that a run creates.
config::Rule folder_rule();

// The shape of a model trained from scratch. Names are Hugging Face's config.json names.
struct ModelShape {
  std::int64_t hidden_size = 128;
  std::int64_t num_hidden_layers = 4;
  std::int64_t num_attention_heads = 4;
  std::optional<std::int64_t> num_key_value_heads;
  std::optional<std::int64_t> head_dim;
  std::optional<std::int64_t> intermediate_size;
  std::optional<std::int64_t> max_position_embeddings;
  std::optional<std::int64_t> vocab_size;
  std::optional<bool> tie_word_embeddings;
  std::optional<bool> bias;
  double norm_eps = 1e-5;
  double rope_theta = 10000.0;
  std::int64_t sliding_window = 0;
  double dropout = 0.0;
  double initializer_range = 0.02;
  void fields(config::Visitor& v);
};

struct Model {
  std::string arch = "gpt2";
  ModelShape config;
  std::optional<std::string> path;
  // Not a key: the config of the model at `path` (recipe/base_model.h).
  std::optional<arch::TransformerConfig> base;
  // Not a key: whether the files at `path` hold a parameter in bfloat16, by position in
  // arch::parameter_layout. It stays bfloat16 if it does not train. Empty: none does.
  std::vector<bool> base_bf16;
  void fields(config::Visitor& v);
};

struct Tokenizer {
  TokenizerType type = TokenizerType::kByte;
  std::int64_t vocab_size = 4096;
  std::optional<std::string> path;
  void fields(config::Visitor& v);
};

// Text made by a seeded generator instead of read from files.
struct Synth {
  std::string kind = "stories";
  std::int64_t documents = 1000;
  std::int64_t seed = 1;
  void fields(config::Visitor& v);
};

struct Source {
  std::string path;
  std::string format = "auto";
  std::string field = "text";
  std::string document = "auto";
  double weight = 1.0;
  std::optional<Synth> synth;
  void fields(config::Visitor& v);
};

struct Data {
  std::vector<Source> train;
  std::vector<Source> eval;
  double eval_split = 0.0;
  std::int64_t max_seq_length = 256;
  Packing packing = Packing::kStream;
  Overlength overlength = Overlength::kSplit;
  bool append_eos = true;
  std::string cache_dir = ".llmops/cache";
  void fields(config::Visitor& v);
};

struct Train {
  std::int64_t micro_batch_size = 8;
  std::optional<std::int64_t> global_batch_size;
  static constexpr std::int64_t kMostAccumulation = 1 << 20;
  std::optional<std::int64_t> gradient_accumulation_steps;
  std::optional<std::int64_t> max_steps;
  std::optional<double> epochs;
  std::optional<std::int64_t> max_tokens;
  std::optional<config::Duration> max_time;
  double max_grad_norm = 1.0;
  Precision precision = Precision::kAuto;
  Recompute gradient_checkpointing = Recompute::kOff;
  std::int64_t threads = 0;
  std::string device = "auto";
  double ema_decay = 0.0;
  std::vector<std::string> freeze;
  void fields(config::Visitor& v);
};

struct Optimizer {
  std::string name = "adamw";
  double learning_rate = 1e-3;
  std::vector<double> betas = {0.9, 0.95};
  double eps = 1e-8;
  double weight_decay = 0.1;
  void fields(config::Visitor& v);
};

struct LrScheduler {
  Decay name = Decay::kCosine;
  std::optional<std::int64_t> warmup_steps;
  std::optional<double> warmup_ratio;
  double min_lr_ratio = 0.1;
  double decay_ratio = 0.2;
  void fields(config::Visitor& v);
};

struct Checkpoint {
  std::int64_t save_steps = 500;
  std::int64_t keep_last = 2;
  std::int64_t keep_best = 1;
  std::string metric = "eval/loss";
  void fields(config::Visitor& v);
};

struct Eval {
  std::int64_t eval_steps = 0;
  std::optional<std::int64_t> max_batches;
  std::int64_t batch_size = 0;
  bool at_start = false;
  bool at_end = true;
  std::int64_t early_stopping_patience = 0;
  double early_stopping_min_delta = 0.0;
  void fields(config::Visitor& v);
};

// Samples during training.
struct Generate {
  std::int64_t every_steps = 0;
  std::int64_t count = 0;
  std::vector<std::string> prompts;
  std::int64_t max_tokens = 200;
  double temperature = 0.8;
  std::int64_t top_k = 0;
  double top_p = 1.0;
  void fields(config::Visitor& v);
};

// The guard against loss spikes and values that are not finite.
struct Guard {
  double spike_zscore = 8.0;
  std::int64_t window = 128;
  std::int64_t patience = 3;
  std::int64_t max_rollbacks = 3;
  void fields(config::Visitor& v);
};

struct Logging {
  std::int64_t logging_steps = 10;
  std::int64_t system_metrics_seconds = 10;
  std::optional<std::string> run_name;
  std::string experiment = "default";
  std::vector<std::string> tags;
  void fields(config::Visitor& v);
};

}  // namespace llmops::recipe
