#include "recipe/peer_keys.h"

#include <fmt/format.h>

namespace llmops::recipe {

namespace {

// torchtune, litgpt, axolotl, LLaMA-Factory and Hugging Face TrainingArguments, nanoGPT, and the
// names of Hugging Face and litgpt model configs. A key that a recipe has in another section is not
// listed: the parser finds it.
constexpr PeerKey kPeerKeys[] = {
    // Model.
    {"base_model", "model.path"},
    {"model_name_or_path", "model.path"},
    {"checkpoint_dir", "model.path"},
    {"checkpointer", "model.path"},
    {"init_from", "model.path"},
    {"model_name", "model.arch"},
    {"model_type", "model.arch"},
    {"architectures", "model.arch"},
    {"model._component_", "model.arch"},
    {"model_config", "model.config"},
    {"n_layer", "model.config.num_hidden_layers"},
    {"num_layers", "model.config.num_hidden_layers"},
    {"n_head", "model.config.num_attention_heads"},
    {"num_heads", "model.config.num_attention_heads"},
    {"n_query_groups", "model.config.num_key_value_heads"},
    {"num_kv_heads", "model.config.num_key_value_heads"},
    {"n_embd", "model.config.hidden_size"},
    {"embed_dim", "model.config.hidden_size"},
    {"d_model", "model.config.hidden_size"},
    {"head_size", "model.config.head_dim"},
    {"n_inner", "model.config.intermediate_size"},
    {"n_positions", "model.config.max_position_embeddings"},
    {"n_ctx", "model.config.max_position_embeddings"},
    {"padded_vocab_size", "model.config.vocab_size"},
    {"attention_bias", "model.config.bias"},
    {"mlp_bias", "model.config.bias"},
    {"layer_norm_epsilon", "model.config.norm_eps"},
    {"layer_norm_eps", "model.config.norm_eps"},
    {"rms_norm_eps", "model.config.norm_eps"},
    {"rope_base", "model.config.rope_theta"},
    {"embd_pdrop", "model.config.dropout"},
    {"attn_pdrop", "model.config.dropout"},
    {"resid_pdrop", "model.config.dropout"},
    // Tokenizer.
    {"tokenizer_dir", "tokenizer.path"},
    {"tokenizer_name", "tokenizer.path"},
    {"tokenizer_config", "tokenizer.path"},
    {"tokenizer_type", "tokenizer.type"},
    // Data.
    {"dataset", "data.train"},
    {"datasets", "data.train"},
    {"train_file", "data.train"},
    {"pretraining_dataset", "data.train"},
    {"data.class_path", "data.train"},
    {"dataset_val", "data.eval"},
    {"eval_dataset", "data.eval"},
    {"test_datasets", "data.eval"},
    {"validation_file", "data.eval"},
    {"val_set_size", "data.eval_split"},
    {"val_size", "data.eval_split"},
    {"validation_split_percentage", "data.eval_split"},
    {"block_size", "data.max_seq_length"},
    {"cutoff_len", "data.max_seq_length"},
    {"max_length", "data.max_seq_length"},
    {"max_seq_len", "data.max_seq_length"},
    {"sequence_len", "data.max_seq_length"},
    {"seq_len", "data.max_seq_length"},
    {"packed", "data.packing"},
    {"sample_packing", "data.packing"},
    {"excess_length_strategy", "data.overlength"},
    {"dataset_prepared_path", "data.cache_dir"},
    {"text_column", "data.train[].field"},
    // Batch, length, numbers.
    {"batch_size", "train.micro_batch_size"},
    {"per_device_train_batch_size", "train.micro_batch_size"},
    {"device_batch_size", "train.micro_batch_size"},
    {"total_batch_size", "train.global_batch_size"},
    {"max_iters", "train.max_steps"},
    {"max_steps_per_epoch", "train.max_steps"},
    {"num_iterations", "train.max_steps"},
    {"train_steps", "train.max_steps"},
    {"lr_decay_iters", "train.max_steps"},
    {"num_epochs", "train.epochs"},
    {"num_train_epochs", "train.epochs"},
    {"grad_clip", "train.max_grad_norm"},
    {"clip_grad_norm", "train.max_grad_norm"},
    {"gradient_clip_val", "train.max_grad_norm"},
    {"max_norm", "train.max_grad_norm"},
    {"dtype", "train.precision"},
    {"bf16", "train.precision"},
    {"fp16", "train.precision"},
    {"tf32", "train.precision"},
    {"enable_activation_checkpointing", "train.gradient_checkpointing"},
    {"activation_checkpointing", "train.gradient_checkpointing"},
    {"use_cpu", "train.device"},
    {"full_determinism", "deterministic"},
    {"data_seed", "seed"},
    {"stage", "method"},
    // Optimizer and schedule.
    {"lr", "optimizer.learning_rate"},
    {"max_lr", "optimizer.learning_rate"},
    {"optimizer.init_args", "optimizer.learning_rate"},
    {"optim", "optimizer.name"},
    {"optimizer_type", "optimizer.name"},
    {"optimizer._component_", "optimizer.name"},
    {"optimizer.class_path", "optimizer.name"},
    {"adam_beta1", "optimizer.betas"},
    {"adam_beta2", "optimizer.betas"},
    {"beta1", "optimizer.betas"},
    {"beta2", "optimizer.betas"},
    {"adam_epsilon", "optimizer.eps"},
    {"lr_scheduler_type", "lr_scheduler.name"},
    {"lr_scheduler._component_", "lr_scheduler.name"},
    {"decay_lr", "lr_scheduler.name"},
    {"num_warmup_steps", "lr_scheduler.warmup_steps"},
    {"lr_warmup_steps", "lr_scheduler.warmup_steps"},
    {"warmup_iters", "lr_scheduler.warmup_steps"},
    {"lr_warmup_fraction", "lr_scheduler.warmup_ratio"},
    {"min_lr", "lr_scheduler.min_lr_ratio"},
    {"cosine_min_lr_ratio", "lr_scheduler.min_lr_ratio"},
    // Checkpoints, evaluation, logging, output.
    {"out_dir", "output_dir"},
    {"save_interval", "checkpoint.save_steps"},
    {"save_every_n_steps", "checkpoint.save_steps"},
    {"saves_per_epoch", "checkpoint.save_steps"},
    {"always_save_checkpoint", "checkpoint.save_steps"},
    {"save_total_limit", "checkpoint.keep_last"},
    {"keep_last_n_checkpoints", "checkpoint.keep_last"},
    {"load_best_model_at_end", "checkpoint.keep_best"},
    {"metric_for_best_model", "checkpoint.metric"},
    {"eval_interval", "eval.eval_steps"},
    {"eval.interval", "eval.eval_steps"},
    {"eval_strategy", "eval.eval_steps"},
    {"evaluation_strategy", "eval.eval_steps"},
    {"evals_per_epoch", "eval.eval_steps"},
    {"run_val_every_n_steps", "eval.eval_steps"},
    {"eval_iters", "eval.max_batches"},
    {"eval.max_iters", "eval.max_batches"},
    {"max_eval_samples", "eval.max_batches"},
    {"per_device_eval_batch_size", "eval.batch_size"},
    {"eval_batch_size", "eval.batch_size"},
    {"eval_on_start", "eval.at_start"},
    {"log_interval", "logging.logging_steps"},
    {"log_every_n_steps", "logging.logging_steps"},
    {"wandb_name", "logging.run_name"},
    {"wandb_run_name", "logging.run_name"},
    {"wandb_project", "logging.experiment"},
};

// Keys of other tools for something that is an option of the command here.
constexpr std::string_view kResumeKeys[] = {"resume", "resume_from_checkpoint",
                                            "auto_resume_from_checkpoints"};

}  // namespace

std::span<const PeerKey> peer_keys() {
  return kPeerKeys;
}

std::optional<std::string> advise_on_key(std::string_view key) {
  const std::string_view last = key.substr(key.rfind('.') + 1);
  for (const std::string_view name : {key, last}) {
    for (const PeerKey& peer : kPeerKeys) {
      if (peer.theirs == name) return fmt::format("use {}", peer.key);
    }
  }
  for (const std::string_view name : kResumeKeys) {
    if (name == last) return "resume with llmops train --resume auto";
  }
  return std::nullopt;
}

}  // namespace llmops::recipe
