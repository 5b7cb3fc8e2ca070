#include "recipe/recipe.h"

#include <fmt/format.h>

#include "recipe/model_config.h"

namespace llmops::recipe {

void Recipe::fields(config::Visitor& v) {
  v.field("version", version, "Version of the recipe language.",
          config::between(1, 1).operational());
  v.field("method", method, "Kind of training.", config::one_of({"pretrain"}));
  v.field("output_dir", output_dir, "Where checkpoints are written.", folder_rule().operational());
  v.field("seed", seed, "Seed of weights, order of the data, dropout and samples.",
          config::at_least(0));
  v.field("deterministic", deterministic, "The same recipe and thread count give the same bits.");
  v.section("model", model, "The model.");
  v.section("tokenizer", tokenizer, "The tokenizer.");
  v.section("data", data, "The text and how it becomes sequences.");
  v.section("train", train, "Batch, length and precision of the training.");
  v.section("optimizer", optimizer, "The optimizer.");
  v.section("lr_scheduler", lr_scheduler, "The learning rate over the steps.");
  v.section("checkpoint", checkpoint, "When to save a checkpoint, and which ones to keep.");
  v.section("eval", eval, "Evaluation during training.");
  v.section("generate", generate, "Samples during training.");
  v.section("guard", guard, "What to do about loss spikes and values that are not finite.");
  v.section("logging", logging, "What to log, and under which name.");
  v.field("expect", expect,
          "Conditions at the end, such as 'eval/loss <= 1.9'; exit code 3 if one fails.",
          config::any().operational());
}

std::vector<config::Key> recipe_keys() {
  Recipe defaults;
  return config::keys(config::fields_of(defaults));
}

Recipe canonical(Recipe recipe) {
  Recipe bare = recipe;
  bare.model.base.reset();
  ModelShape& left_out = bare.model.config;
  left_out.num_key_value_heads.reset();
  left_out.head_dim.reset();
  left_out.intermediate_size.reset();
  left_out.max_position_embeddings.reset();
  left_out.tie_word_embeddings.reset();
  left_out.bias.reset();
  const arch::TransformerConfig defaults = unchecked_model_config(bare, 0);
  const auto drop = [](auto& value, const auto& by_default) {
    if (value == by_default) value.reset();
  };
  ModelShape& shape = recipe.model.config;
  drop(shape.num_key_value_heads, defaults.kv_heads);
  drop(shape.head_dim, defaults.head_dim);
  drop(shape.intermediate_size, defaults.intermediate_size);
  drop(shape.max_position_embeddings, defaults.max_positions);
  drop(shape.tie_word_embeddings, defaults.tied);
  drop(shape.bias, defaults.attention_bias);
  recipe.train.global_batch_size = global_batch_size(recipe.train);
  drop(recipe.train.global_batch_size, global_batch_size(Train{}));
  drop(recipe.lr_scheduler.warmup_steps, 0);
  drop(recipe.lr_scheduler.warmup_ratio, 0.0);
  return recipe;
}

std::int64_t global_batch_size(const Train& train) {
  return train.global_batch_size.value_or(train.micro_batch_size *
                                          train.gradient_accumulation_steps.value_or(1));
}

std::optional<std::string> schedule_problem(const LrScheduler& scheduler,
                                            std::int64_t total_steps) {
  const std::int64_t warmup = scheduler.warmup_steps.value_or(0);
  if (warmup > total_steps) {
    return fmt::format("a warmup of {} steps is longer than the run of {}", warmup, total_steps);
  }
  const double total = static_cast<double>(total_steps);
  if (scheduler.name == Decay::kWsd &&
      static_cast<double>(warmup) + scheduler.decay_ratio * total > total) {
    return fmt::format("a warmup of {} steps and a decay over {} of the {} steps overlap", warmup,
                       scheduler.decay_ratio, total_steps);
  }
  return std::nullopt;
}

bool has_eval_set(const Recipe& recipe) {
  return !recipe.data.eval.empty() || recipe.data.eval_split > 0;
}

}  // namespace llmops::recipe
