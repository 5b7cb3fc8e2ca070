#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/transformer_config.h"
#include "config/visitor.h"

// One struct per section of a recipe; fields() lists in sections.cpp. Defaults stand at the member.
namespace llmops::recipe {

// Names of runs and experiments, and their tags: wherever they are shown they take one line.
config::Rule name_rule();
config::Rule tag_rule();
// Folders that a run makes.
config::Rule folder_rule();

// The shape of a model trained from scratch. Names are Hugging Face's config.json names.
struct ModelShape {
  std::int64_t hidden_size = 128;
  std::int64_t num_hidden_layers = 4;
  std::int64_t num_attention_heads = 4;
  std::optional<std::int64_t> num_key_value_heads;  // default: num_attention_heads
  std::optional<std::int64_t> head_dim;             // default: hidden_size / num_attention_heads
  std::optional<std::int64_t> intermediate_size;  // default: 4 C (gpt2), 8/3 C to a multiple of 64
  std::optional<std::int64_t> max_position_embeddings;  // default: data.max_seq_length
  std::optional<std::int64_t> vocab_size;               // default: the tokenizer's
  std::optional<bool> tie_word_embeddings;              // default: true (gpt2), false
  std::optional<bool> bias;                             // default: true (gpt2), false
  double norm_eps = 1e-5;
  double rope_theta = 10000.0;
  std::int64_t sliding_window = 0;
  double dropout = 0.0;
  double initializer_range = 0.02;
  void fields(config::Visitor& v);
};

struct Model {
  std::string arch = "gpt2";  // gpt2 | llama | mistral
  ModelShape config;
  // Weights to start from instead of random ones: a checkpoint or Hugging Face folder.
  std::optional<std::string> path;
  // Of the model at `path`, no key: see recipe/base_model.h.
  std::optional<arch::TransformerConfig> base;
  // By position in arch::parameter_layout: what the files hold in bfloat16, to be kept so where it
  // does not train. Empty: nothing.
  std::vector<bool> base_bf16;
  void fields(config::Visitor& v);
};

struct Tokenizer {
  std::string type = "byte";        // char | byte | bpe | file
  std::int64_t vocab_size = 4096;   // bpe: size to train to, special tokens included
  std::optional<std::string> path;  // type file: tokenizer.json or its folder
  void fields(config::Visitor& v);
};

// Text made by a seeded generator instead of read from files.
struct Synth {
  std::string kind = "stories";  // stories | arithmetic | copy | recall
  std::int64_t documents = 1000;
  std::int64_t seed = 1;
  void fields(config::Visitor& v);
};

struct Source {
  std::string path;  // file, folder or glob; the ending says the format, also .gz and .zst
  std::string format = "auto";    // auto | txt | jsonl | json | csv | tsv
  std::string field = "text";     // all but txt: where the text is; a.b is within a
  std::string document = "auto";  // txt: file | line | paragraph (blank lines) | auto = file
  double weight = 1.0;            // epochs of this source per epoch of the whole
  std::optional<Synth> synth;     // instead of path
  void fields(config::Visitor& v);
};

struct Data {
  std::vector<Source> train;
  std::vector<Source> eval;
  double eval_split = 0.0;  // tail of the training text, when eval is empty
  std::int64_t max_seq_length = 256;
  std::string packing = "stream";  // stream | documents
  std::string overlength =
      "split";             // documents longer than max_seq_length: split | truncate | drop | error
  bool append_eos = true;  // a document ends with the tokenizer's end token, if it has one
  std::string cache_dir = ".llmops/cache";
  void fields(config::Visitor& v);
};

struct Train {
  std::int64_t micro_batch_size = 8;              // sequences per forward pass
  std::optional<std::int64_t> global_batch_size;  // sequences per step; or:
  static constexpr std::int64_t kMostAccumulation = 1 << 20;
  std::optional<std::int64_t> gradient_accumulation_steps;  // micro batches per step
  std::optional<std::int64_t> max_steps;
  std::optional<double> epochs;
  std::optional<std::int64_t> max_tokens;
  std::optional<config::Duration> max_time;
  double max_grad_norm = 1.0;                  // 0 = no clipping
  std::string precision = "auto";              // auto | fp32 | bf16-mixed
  std::string gradient_checkpointing = "off";  // off | selective | full
  std::int64_t threads = 0;                    // 0 = all cores of the affinity mask
  std::string device = "auto";                 // auto = cpu unless cuda works | cpu | cuda
  double ema_decay = 0.0;                      // 0 = no average of weights
  std::vector<std::string> freeze;             // names of tensors, with *, that stay as they are
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
  std::string name = "cosine";  // constant | linear | cosine | wsd
  std::optional<std::int64_t> warmup_steps;
  std::optional<double> warmup_ratio;  // of all steps; exactly one of the two, else no warmup
  double min_lr_ratio = 0.1;
  double decay_ratio = 0.2;  // wsd: share of all steps that decays
  void fields(config::Visitor& v);
};

struct Checkpoint {
  std::int64_t save_steps = 500;  // 0 = only at the end
  std::int64_t keep_last = 2;
  std::int64_t keep_best = 1;
  std::string metric = "eval/loss";  // lower is better
  void fields(config::Visitor& v);
};

struct Eval {
  std::int64_t eval_steps = 0;              // 0 = no evaluation between start and end
  std::optional<std::int64_t> max_batches;  // default: the whole eval set
  std::int64_t batch_size = 0;              // 0 = train.micro_batch_size
  bool at_start = false;
  bool at_end = true;
  std::int64_t early_stopping_patience = 0;  // evaluations without improvement; 0 = never
  double early_stopping_min_delta = 0.0;
  void fields(config::Visitor& v);
};

struct Generate {                // samples while training
  std::int64_t every_steps = 0;  // 0 = only at the end when count > 0
  std::int64_t count = 0;
  std::vector<std::string> prompts;  // default: the empty prompt
  std::int64_t max_tokens = 200;
  double temperature = 0.8;
  std::int64_t top_k = 0;
  double top_p = 1.0;
  void fields(config::Visitor& v);
};

// What the guard does about values that should not be.
struct Guard {
  double spike_zscore = 8.0;       // robust z of the loss over the window; 0 = off
  std::int64_t window = 128;       // steps; active once a quarter is filled
  std::int64_t patience = 3;       // bad steps in a row before rolling back
  std::int64_t max_rollbacks = 3;  // then exit 7
  void fields(config::Visitor& v);
};

struct Logging {
  std::int64_t logging_steps = 10;
  std::int64_t system_metrics_seconds = 10;  // 0 = off
  std::optional<std::string> run_name;
  std::string experiment = "default";
  std::vector<std::string> tags;  // "key=value"
  void fields(config::Visitor& v);
};

}  // namespace llmops::recipe
