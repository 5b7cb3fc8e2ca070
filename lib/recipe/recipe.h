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

// Every key of a recipe with its default.
std::vector<config::Key> recipe_keys();

// The recipe as its identity sees it: without the values that would follow when they are left out,
// such as as many key-value heads as heads, and with the sequences of a step in one key.
Recipe canonical(Recipe recipe);

// Sequences per optimizer step: global_batch_size, or micro_batch_size times
// gradient_accumulation_steps.
std::int64_t global_batch_size(const Train& train);

// Why the schedule is longer than a run of `total_steps`; nothing when it fits.
std::optional<std::string> schedule_problem(const LrScheduler& scheduler, std::int64_t total_steps);
// Whether the recipe's data has an evaluation set.
bool has_eval_set(const Recipe& recipe);

// The transformer that the recipe describes, for a tokenizer of this size (padding of the
// vocabulary is never added). Calls arch::check.
arch::TransformerConfig model_config(const Recipe& recipe, std::int64_t tokenizer_vocab_size);

// Rules that cross sections; each problem is a message with the key it concerns
// ("train.global_batch_size"). Empty: the recipe is sound.
struct Problem {
  std::string key, message;
};
std::vector<Problem> validate(const Recipe& recipe);

// The metrics that a training run of this recipe records and `expect` may name; not those of the
// system.
std::vector<std::string> recorded_metrics(const Recipe& recipe);

}  // namespace llmops::recipe
