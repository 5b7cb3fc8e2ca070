#include "tests/catch.h"
#include "tests/unit/recipe/sound.h"

namespace llmops::recipe {

namespace {

using Lines = std::vector<std::string>;

// "KEY: MESSAGE" of what is wrong once `change` was made to a sound recipe.
template <typename Change>
Lines after(Change change) {
  Recipe recipe = sound_recipe();
  change(recipe);
  Lines lines;
  for (const Problem& problem : validate(recipe))
    lines.push_back(problem.key + ": " + problem.message);
  return lines;
}

}  // namespace

TEST_CASE("a sound recipe has no problem") {
  CHECK(after([](Recipe&) {}) == Lines{});
}

TEST_CASE("a source is one of path and synth") {
  CHECK(after([](Recipe& r) { r.data.train.clear(); }) ==
        Lines{"data.train: give at least one source of text"});
  CHECK(after([](Recipe& r) { r.data.train[0].path.clear(); }) ==
        Lines{"data.train.0: give path or synth"});
  CHECK(after([](Recipe& r) { r.data.train[0].synth.emplace(); }) ==
        Lines{"data.train.0: give either path or synth, not both"});
  CHECK(after([](Recipe& r) { r.data.eval.emplace_back(); }) ==
        Lines{"data.eval.0: give path or synth"});
  CHECK(after([](Recipe& r) {
          r.data.train[0].format = "jsonl";
          r.data.train[0].document = "line";
        }) == Lines{"data.train.0.document: applies to txt only; format is jsonl"});
  CHECK(after([](Recipe& r) {
          r.data.train[0].format = "txt";
          r.data.train[0].field = "body";
        }) == Lines{"data.train.0.field: applies to json, jsonl, csv and tsv only; format is txt"});
  CHECK(after([](Recipe& r) {
          r.data.train[0].path.clear();
          r.data.train[0].synth.emplace();
          r.data.train[0].document = "line";
        }) == Lines{"data.train.0: format, field and document apply to files, not to synth"});
}

TEST_CASE("data is split once and packed in a way that makes sense") {
  CHECK(after([](Recipe& r) {
          r.data.eval.emplace_back().path = "b.txt";
          r.data.eval_split = 0.1;
        }) == Lines{"data.eval_split: give either data.eval or data.eval_split, not both"});
  CHECK(
      after([](Recipe& r) { r.data.overlength = Overlength::kDrop; }) ==
      Lines{
          "data.overlength: 'drop' needs packing: documents; in a stream, a document continues in "
          "the next sequence"});
  CHECK(after([](Recipe& r) {
          r.data.overlength = Overlength::kDrop;
          r.data.packing = Packing::kDocuments;
        }) == Lines{});
}

TEST_CASE("a tokenizer of type file has a path, others have none") {
  CHECK(after([](Recipe& r) { r.tokenizer.type = TokenizerType::kFile; }) ==
        Lines{"tokenizer.path: type: file needs a path"});
  CHECK(after([](Recipe& r) { r.tokenizer.path = "t"; }) ==
        Lines{"tokenizer.path: is read for type: file only; type is byte"});
  CHECK(after([](Recipe& r) {
          r.tokenizer.type = TokenizerType::kBpe;
          r.model.config.vocab_size = 1000;
        }) ==
        Lines{"model.config.vocab_size: 1000 rows are too few for tokenizer.vocab_size 4096"});
  CHECK(after([](Recipe& r) { r.model.config.vocab_size = 100; }) ==
        Lines{"model.config.vocab_size: 100 rows are too few for the 256 bytes"});
}

TEST_CASE("the sizes of the model fit each other") {
  CHECK(after([](Recipe& r) { r.model.config.num_attention_heads = 3; }) ==
        Lines{"model.config.num_attention_heads: hidden_size 128 is not divisible by 3"});
  CHECK(after([](Recipe& r) { r.model.config.max_position_embeddings = 100; }) ==
        Lines{"model.config.max_position_embeddings: 100 is below data.max_seq_length 256"});
  CHECK(after([](Recipe& r) { r.model.config.num_key_value_heads = 2; }) ==
        Lines{"model.config: gpt2 has no grouped key-value heads"});
  CHECK(after([](Recipe& r) {
          r.model.arch = "llama";
          r.model.config.num_key_value_heads = 3;
        }) ==
        Lines{"model.config: num_attention_heads 4 is not divisible by num_key_value_heads 3"});
  CHECK(after([](Recipe& r) {
          r.model.arch = "mistral";
          r.model.config.num_key_value_heads = 2;
          r.model.config.sliding_window = 64;
        }) == Lines{});
}

TEST_CASE("the batch is given once and divides") {
  CHECK(after([](Recipe& r) {
          r.train.global_batch_size = 16;
          r.train.gradient_accumulation_steps = 2;
        }) == Lines{"train.gradient_accumulation_steps: give either global_batch_size or "
                    "gradient_accumulation_steps, not both"});
  CHECK(after([](Recipe& r) { r.train.global_batch_size = 12; }) ==
        Lines{"train.global_batch_size: 12 is not a multiple of micro_batch_size 8"});
  CHECK(after([](Recipe& r) { r.train.global_batch_size = 4; }) ==
        Lines{"train.global_batch_size: 4 is not a multiple of micro_batch_size 8"});
}

TEST_CASE("the sequences of a step follow from either key") {
  Train train;
  CHECK(global_batch_size(train) == 8);
  train.gradient_accumulation_steps = 3;
  CHECK(global_batch_size(train) == 24);
  train.gradient_accumulation_steps.reset();
  train.global_batch_size = 32;
  CHECK(global_batch_size(train) == 32);
}

TEST_CASE("a warmup, and a decay after it, fit into the steps") {
  CHECK(after([](Recipe& r) {
          r.train.max_steps = 10;
          r.lr_scheduler.warmup_steps = 11;
        }) == Lines{"lr_scheduler: a warmup of 11 steps is longer than the run of 10"});
  CHECK(after([](Recipe& r) {
          r.train.max_steps = 10;
          r.lr_scheduler.name = Decay::kWsd;
          r.lr_scheduler.warmup_steps = 9;
        }) == Lines{"lr_scheduler: a warmup of 9 steps and a decay over 0.2 of the 10 steps "
                    "overlap"});
  CHECK(after([](Recipe& r) {
          r.train.max_steps = 10;
          r.lr_scheduler.warmup_steps = 10;
        }) == Lines{});
}

TEST_CASE("the end of the training is given once") {
  CHECK(after([](Recipe& r) { r.train.max_steps.reset(); }) ==
        Lines{
            "train: give one of max_steps, epochs, max_tokens or max_time",
        });
  CHECK(after([](Recipe& r) { r.train.epochs = 1; }) ==
        Lines{"train: give only one of max_steps, epochs and max_tokens"});
  CHECK(after([](Recipe& r) { r.train.max_time = config::Duration{60}; }) == Lines{});
  CHECK(after([](Recipe& r) {
          r.train.max_steps.reset();
          r.train.max_time = config::Duration{60};
          r.lr_scheduler.warmup_ratio = 0.1;
        }) == Lines{"lr_scheduler.name: 'cosine' needs max_steps, epochs or max_tokens: with "
                    "max_time alone the last step is not known",
                    "lr_scheduler.warmup_ratio: needs max_steps, epochs or max_tokens"});
  CHECK(after([](Recipe& r) {
          r.train.max_steps.reset();
          r.train.max_time = config::Duration{60};
          r.lr_scheduler.name = Decay::kConstant;
        }) == Lines{});
}

TEST_CASE("the schedule and the optimizer are complete") {
  CHECK(after([](Recipe& r) {
          r.lr_scheduler.warmup_steps = 5;
          r.lr_scheduler.warmup_ratio = 0.1;
        }) ==
        Lines{"lr_scheduler.warmup_ratio: give either warmup_steps or warmup_ratio, not both"});
  CHECK(after([](Recipe& r) {
          r.lr_scheduler.name = Decay::kWsd;
          r.lr_scheduler.warmup_ratio = 0.5;
          r.lr_scheduler.decay_ratio = 0.6;
        }) ==
        Lines{"lr_scheduler.decay_ratio: the sum of warmup_ratio and decay_ratio is above 1"});
  CHECK(after([](Recipe& r) { r.optimizer.betas = {0.9}; }) ==
        Lines{"optimizer.betas: expected two numbers, found 1"});
}

TEST_CASE("evaluation needs something to evaluate") {
  CHECK(after([](Recipe& r) { r.eval.eval_steps = 5; }) ==
        Lines{"eval.eval_steps: needs data.eval or data.eval_split"});
  CHECK(after([](Recipe& r) { r.eval.at_start = true; }) ==
        Lines{"eval.at_start: needs data.eval or data.eval_split"});
  CHECK(after([](Recipe& r) {
          r.data.eval_split = 0.1;
          r.eval.early_stopping_patience = 2;
        }) == Lines{"eval.early_stopping_patience: needs eval.eval_steps and data.eval or "
                    "data.eval_split"});
  CHECK(after([](Recipe& r) { r.checkpoint.metric = "eval/ema_loss"; }) ==
        Lines{"checkpoint.metric: 'eval/ema_loss' needs train.ema_decay"});
}

TEST_CASE("samples, tags and expectations are well formed") {
  CHECK(after([](Recipe& r) { r.generate.every_steps = 5; }) ==
        Lines{"generate.every_steps: needs generate.count"});
  CHECK(after([](Recipe& r) {
          r.logging.tags = {"a=b", "c"};
        }) == Lines{"logging.tags.1: not KEY=VALUE"});
  const std::string always =
      "train/loss, grad_norm, learning_rate, epoch, train/tokens, tokens_per_second, mfu, "
      "step_seconds";
  CHECK(after([](Recipe& r) {
          r.expect = {"train/loss <= 2", "eval/loss < 2"};
        }) == Lines{"expect: this run records no metric eval/loss; it records " + always});
  CHECK(after([](Recipe& r) {
          r.data.eval_split = 0.1;
          r.train.ema_decay = 0.9;
          r.expect = {"eval/ema_perplexity < 9", "eval/bits_per_byte < 2"};
        }).empty());
  CHECK(after([](Recipe& r) {
          r.expect = {"mfu > 0", "loss"};
        }) == Lines{"expect: 'loss' is not an expectation; write METRIC OP NUMBER, as in "
                    "'eval/loss <= 1.9'"});
}

}  // namespace llmops::recipe
