#pragma once

#include <optional>
#include <string>
#include <vector>

#include "arch/transformer_config.h"
#include "config/keys.h"
#include "config/visitor.h"
#include "recipe/sections.h"

namespace llmops::recipe {

struct Recipe {
  std::int64_t version = 1;
  std::string method = "pretrain";
  std::string output_dir = "out";
  std::int64_t seed = 42;
  bool deterministic = true;
  Model model;
  Tokenizer tokenizer;
  Data data;
  Train train;
  Optimizer optimizer;
  LrScheduler lr_scheduler;
  Checkpoint checkpoint;
  Eval eval;
  Generate generate;
  Guard guard;
  Logging logging;
  std::vector<std::string> expect;  // "eval/loss <= 1.9"

  void fields(config::Visitor& v);
};

// Returns every key of a recipe with its default.
std::vector<config::Key> recipe_keys();

// Returns the recipe in the one form that its identity is made of: without values that equal the
// ones derived when the key is left out (such as num_key_value_heads equal to num_attention_heads),
// and with the sequences of a step in one key.
Recipe canonical(Recipe recipe);

// Returns the sequences per optimizer step: global_batch_size, or micro_batch_size times
// gradient_accumulation_steps.
std::int64_t global_batch_size(const Train& train);

// Returns why the schedule is longer than a run of `total_steps`; nothing when it fits.
std::optional<std::string> schedule_problem(const LrScheduler& scheduler, std::int64_t total_steps);
// Whether the recipe's data has an evaluation set.
bool has_eval_set(const Recipe& recipe);

// Returns the transformer that the recipe describes, for a tokenizer of this size (no padding is
// added to the vocabulary). Calls arch::check. In model_config.cpp.
arch::TransformerConfig model_config(const Recipe& recipe, std::int64_t tokenizer_vocab_size);

// Checks the rules between keys (validate.cpp). Each problem is a message with the key that it
// concerns ("train.global_batch_size"); none means that the recipe is sound.
struct Problem {
  std::string key, message;
};
std::vector<Problem> validate(const Recipe& recipe);

// Returns the metrics that a training run of this recipe records and `expect` may name, without the
// system's (validate.cpp).
std::vector<std::string> recorded_metrics(const Recipe& recipe);

}  // namespace llmops::recipe
