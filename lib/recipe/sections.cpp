#include "recipe/sections.h"

// The keys of a recipe: name, meaning, allowed values and role. The reference, the schema and the
// parser are made from these lists. The upper bounds keep later products of these numbers from
// overflowing.
namespace llmops::recipe {

using config::above;
using config::any;
using config::at_least;
using config::between;
using config::between_open;
using config::one_of;

namespace {
constexpr double kMostSize = 1 << 20;  // of a dimension of the model
constexpr double kMostSteps = 1e12;    // steps, windows, documents
constexpr double kMostTokens = 1e15;
constexpr double kMostBatch = 1 << 20;  // sequences
constexpr std::size_t kLongestName = 200, kLongestTag = 1000, kLongestPath = 4095;
constexpr double kMostThreads = 1024;
}  // namespace

config::Rule name_rule() {
  return config::one_line(kLongestName);
}

config::Rule tag_rule() {
  return config::one_line(kLongestTag);
}

config::Rule folder_rule() {
  return config::one_line(kLongestPath);
}

void ModelShape::fields(config::Visitor& v) {
  v.field("hidden_size", hidden_size, "Width of the model.", between(1, kMostSize));
  v.field("num_hidden_layers", num_hidden_layers, "Transformer blocks.", between(1, 4096));
  v.field("num_attention_heads", num_attention_heads, "Query heads.", between(1, kMostSize));
  v.field(
      "num_key_value_heads", num_key_value_heads,
      "Key and value heads, shared by groups of query heads; by default as many as query heads.",
      between(1, kMostSize));
  v.field("head_dim", head_dim, "Size of a head; by default hidden_size / num_attention_heads.",
          between(1, kMostSize));
  v.field(
      "intermediate_size", intermediate_size,
      "Width of the MLP; by default 4 x hidden_size (gpt2), else 8/3 of it to a multiple of 64.",
      between(1, kMostSize));
  v.field("max_position_embeddings", max_position_embeddings,
          "Longest sequence of the model; by default data.max_seq_length.", between(1, 1 << 28));
  v.field("vocab_size", vocab_size, "Rows of the embedding; by default the tokenizer's size.",
          between(1, 1 << 28));
  v.field("tie_word_embeddings", tie_word_embeddings,
          "The head shares the embedding's weights; by default only for gpt2.");
  v.field("bias", bias, "Biases in linear layers and norms; by default only for gpt2.");
  v.field("norm_eps", norm_eps, "Added to the variance in norms.", above(0));
  v.field("rope_theta", rope_theta, "Base of the rotary positions.", between(1, 1e15));
  v.field("sliding_window", sliding_window, "Keys that a query sees, itself included; 0 = all.",
          between(0, 1 << 28));
  v.field("dropout", dropout, "On embeddings, attention weights and residual branches.",
          between_open(0, 1));
  v.field("initializer_range", initializer_range, "Standard deviation of the initial weights.",
          between(0, 1));
}

void Model::fields(config::Visitor& v) {
  v.field("arch", arch, "Family of the model.", one_of({"gpt2", "llama", "mistral"}));
  v.section("config", config,
            "Sizes of a model trained from scratch; with path, those of its model.");
  v.field(
      "path", path,
      "Weights to start from instead of random ones: a checkpoint or Hugging Face folder, whose "
      "config.json also gives arch and config (all but dropout).",
      config::path().operational());
}

void Tokenizer::fields(config::Visitor& v) {
  v.field("type", type, "Kind of tokenizer; bpe is trained on the data.");
  v.field("vocab_size", vocab_size, "Size to train a bpe tokenizer to, special tokens included.",
          between(257, 1 << 20));
  v.field("path", path, "For type file: a tokenizer.json or its folder.",
          config::path().operational());
}

void Synth::fields(config::Visitor& v) {
  v.field("kind", kind, "Kind of text.", one_of({"stories", "arithmetic", "copy", "recall"}));
  v.field("documents", documents, "How many documents.", between(1, kMostSteps));
  v.field("seed", seed, "The same seed gives the same text.", at_least(0));
}

void Source::fields(config::Visitor& v) {
  v.field("path", path, "File, folder or glob; also .gz and .zst.", config::path().operational());
  v.field("format", format, "Format of the files; auto follows the ending of the name.",
          one_of({"auto", "txt", "jsonl", "json", "csv", "tsv"}));
  v.field(
      "field", field,
      "For all formats but txt: the field that holds the text; in JSON, a.b is field b of field "
      "a.");
  v.field(
      "document", document,
      "For txt: one document is a file, a line, or a paragraph between blank lines; auto = file.",
      one_of({"auto", "file", "line", "paragraph"}));
  v.field("weight", weight, "Epochs of this source per epoch of the whole.", above(0));
  v.section("synth", synth, "Generated text instead of files.");
}

void Data::fields(config::Visitor& v) {
  v.list("train", train, "Training text.");
  v.list("eval", eval, "Evaluation text.");
  v.field("eval_split", eval_split, "Share of the training text, at its end, kept for evaluation.",
          between_open(0, 1));
  v.field("max_seq_length", max_seq_length, "Tokens of one training sequence.",
          between(1, 1 << 24));
  v.field("packing", packing,
          "stream: one contiguous stream cut into sequences; documents: whole documents share a "
          "sequence without seeing each other.");
  v.field("overlength", overlength,
          "With packing: documents, what to do with a document longer than max_seq_length.");
  v.field("append_eos", append_eos,
          "A document ends with the tokenizer's end token, if it has one.");
  v.field("cache_dir", cache_dir, "Where tokenized text is kept.", folder_rule().operational());
}

void Train::fields(config::Visitor& v) {
  v.field("micro_batch_size", micro_batch_size,
          "Sequences per forward pass; changes memory and speed, not the result.",
          between(1, kMostBatch).operational());
  v.field("global_batch_size", global_batch_size,
          "Sequences per optimizer step; or give gradient_accumulation_steps.",
          between(1, kMostBatch * 1024));
  v.field("gradient_accumulation_steps", gradient_accumulation_steps,
          "Micro batches per optimizer step, in place of global_batch_size.",
          between(1, kMostAccumulation).operational());
  v.field("max_steps", max_steps, "End after this many optimizer steps.",
          between(1, kMostSteps).horizon());
  v.field("epochs", epochs, "End after this many passes over the data.",
          between(0, 1e6).exclude_low().horizon());
  v.field("max_tokens", max_tokens, "End after this many tokens.",
          between(1, kMostTokens).horizon());
  v.field("max_time", max_time, "Save and exit after this time, with exit code 5.",
          above(0).horizon());
  v.field("max_grad_norm", max_grad_norm, "Clip the norm of the gradient to this; 0 = never.",
          at_least(0));
  v.field(
      "precision", precision,
      "fp32, or bf16-mixed with fp32 master weights; auto chooses by processor and model size.");
  v.field("gradient_checkpointing", gradient_checkpointing,
          "Recompute activations in the backward pass to save memory.", any().operational());
  v.field("threads", threads, "Processor threads; 0 = all cores of this process.",
          between(0, kMostThreads).operational());
  v.field("device", device, "Where to train; auto uses CUDA if a device answers.",
          one_of({"auto", "cpu", "cuda"}).operational());
  v.field("ema_decay", ema_decay, "Decay of the moving average of the weights; 0 = none.",
          between_open(0, 1));
  v.field("freeze", freeze,
          "Tensors that do not train, by their names in model.safetensors; * matches any "
          "characters.");
}

void Optimizer::fields(config::Visitor& v) {
  v.field("name", name, "The optimizer.", one_of({"adamw"}));
  v.field("learning_rate", learning_rate, "Peak of the schedule.", between(0, 1e3));
  v.field("betas", betas, "Decay of the first and second moment.", between_open(0, 1));
  v.field("eps", eps, "Added to the root of the second moment.", at_least(1e-30));
  v.field("weight_decay", weight_decay, "Decoupled weight decay of matrices and embeddings.",
          between(0, 1e3));
}

void LrScheduler::fields(config::Visitor& v) {
  v.field("name", name, "Shape of the decay.");
  v.field("warmup_steps", warmup_steps, "Linear rise from zero, in optimizer steps.",
          between(0, kMostSteps));
  v.field("warmup_ratio", warmup_ratio,
          "The warmup as a share of all steps, not with warmup_steps.", between_open(0, 1));
  v.field("min_lr_ratio", min_lr_ratio, "Last rate as a share of the peak.", between(0, 1));
  v.field("decay_ratio", decay_ratio, "For wsd: share of all steps in the decay.", between(0, 1));
}

void Checkpoint::fields(config::Visitor& v) {
  v.field("save_steps", save_steps, "Steps between checkpoints; 0 = only at the end.",
          between(0, kMostSteps).operational());
  v.field("keep_last", keep_last, "Newest checkpoints that are kept.",
          between(1, 1e6).operational());
  v.field("keep_best", keep_best, "Best checkpoints that are kept besides those.",
          between(0, 1e6).operational());
  v.field("metric", metric, "The best checkpoint has the lowest value of this metric.",
          one_of({"eval/loss", "eval/perplexity", "eval/bits_per_byte", "eval/ema_loss",
                  "eval/ema_perplexity", "eval/ema_bits_per_byte"})
              .operational());
}

void Eval::fields(config::Visitor& v) {
  v.field("eval_steps", eval_steps, "Steps between evaluations; 0 = none between start and end.",
          between(0, kMostSteps).operational());
  v.field("max_batches", max_batches, "Batches per evaluation; by default the whole eval set.",
          between(1, kMostSteps).operational());
  v.field("batch_size", batch_size, "Sequences per forward pass; 0 = train.micro_batch_size.",
          between(0, kMostBatch).operational());
  v.field("at_start", at_start, "Evaluate before the first step.", any().operational());
  v.field("at_end", at_end, "Evaluate after the last step.", any().operational());
  v.field("early_stopping_patience", early_stopping_patience,
          "Stop after this many evaluations without improvement; 0 = never.",
          between(0, 1e9).horizon());
  v.field("early_stopping_min_delta", early_stopping_min_delta,
          "Least decrease of checkpoint.metric that is an improvement.", at_least(0).horizon());
}

void Generate::fields(config::Visitor& v) {
  v.field("every_steps", every_steps, "Steps between samples; 0 = only at the end.",
          between(0, kMostSteps).operational());
  v.field("count", count, "Samples at a time; 0 = none.", between(0, 1e6).operational());
  v.field("prompts", prompts, "Beginnings of samples, used in turn; by default the empty text.",
          any().operational());
  v.field("max_tokens", max_tokens, "Longest sample.", between(1, 1e7).operational());
  v.field("temperature", temperature, "Spread of the distribution; 0 = the likeliest token.",
          between(0, 100).operational());
  v.field("top_k", top_k, "Draw from this many likeliest tokens; 0 = all.",
          between(0, 1 << 28).operational());
  v.field("top_p", top_p, "Draw from the likeliest tokens of this total probability.",
          between(0, 1).exclude_low().operational());
}

void Guard::fields(config::Visitor& v) {
  v.field("spike_zscore", spike_zscore, "Robust z-score of the loss that is a spike; 0 = off.",
          at_least(0));
  v.field("window", window, "Steps that the score is taken over; active once a quarter is filled.",
          between(8, 1e6));
  v.field("patience", patience, "Bad steps in a row before rolling back.",
          between(1, 1e6).operational());
  v.field("max_rollbacks", max_rollbacks, "Rollbacks before giving up with exit code 7.",
          between(0, 1e6).operational());
}

void Logging::fields(config::Visitor& v) {
  v.field("logging_steps", logging_steps, "Steps between recorded metrics and progress lines.",
          between(1, kMostSteps).operational());
  v.field("system_metrics_seconds", system_metrics_seconds,
          "Seconds between samples of processor and memory use; 0 = none.",
          between(0, 1e6).operational());
  v.field("run_name", run_name, "Name of the run; by default a generated one.",
          name_rule().operational());
  v.field("experiment", experiment, "Group of runs that the run belongs to.",
          name_rule().operational());
  v.field("tags", tags, "Labels of the run, each key=value.", tag_rule().operational());
}

}  // namespace llmops::recipe
