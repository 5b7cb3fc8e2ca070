#include "plan/plan.h"

#include "arch/parameters.h"
#include "base/error.h"
#include "models.h"
#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops::plan {
namespace {

std::int64_t item(const Plan& plan, std::string_view name) {
  for (const MemoryItem& entry : plan.memory) {
    if (entry.name == name) return entry.bytes;
  }
  return 0;
}

TEST_CASE("small models share rows between cores, large ones operations") {
  const auto small = gpt2(4, 128), large = gpt2(12, 512);
  const Plan rows = make_plan(recipe_of(8, 64), small, 10, 5120, machine(2));
  CHECK(rows.threading == Threading::kRows);
  CHECK(rows.threads == 2);
  CHECK(rows.shards == 2);
  const Plan ops = make_plan(recipe_of(8, 64), large, 10, 5120, machine(2));
  CHECK(ops.threading == Threading::kOps);
  CHECK(ops.shards == 1);
  const Plan few_rows = make_plan(recipe_of(3, 64), small, 30, 1920, machine(4));
  CHECK(few_rows.threading == Threading::kOps);
  CHECK(few_rows.threads == 4);
  const Plan one_core = make_plan(recipe_of(8, 64), small, 10, 5120, machine(1));
  CHECK(one_core.threading == Threading::kOps);
}

TEST_CASE("the recipe's threads come before the machine's cores") {
  recipe::Recipe recipe = recipe_of(8, 64);
  recipe.train.threads = 3;
  const Plan plan = make_plan(recipe, gpt2(2, 64), 10, 5120, machine(8));
  CHECK(plan.threads == 3);
  CHECK(plan.shards == 3);
}

TEST_CASE("bf16 is chosen where hardware and size make it pay, or where it is asked for") {
  const auto small = gpt2(4, 128), large = gpt2(12, 512);
  recipe::Recipe recipe = recipe_of(8, 64);
  const auto precision = [&](const arch::TransformerConfig& config, bool bf16) {
    return make_plan(recipe, config, 10, 5120, machine(2, bf16)).precision;
  };
  CHECK(precision(large, true) == Precision::kBf16Mixed);
  CHECK(precision(large, false) == Precision::kFp32);
  CHECK(precision(small, true) == Precision::kFp32);
  recipe.train.precision = recipe::Precision::kBf16Mixed;
  CHECK(precision(small, false) == Precision::kBf16Mixed);
  recipe.train.precision = recipe::Precision::kFp32;
  CHECK(precision(large, true) == Precision::kFp32);
}

TEST_CASE("what is frozen has no gradients, no moments and fewer operations") {
  recipe::Recipe recipe = recipe_of(8, 64);
  const auto config = gpt2(12, 512);
  const auto planned = [&] { return make_plan(recipe, config, 10, 5120, machine(2)); };
  const Plan full = planned();
  CHECK(full.trained_parameters == full.parameters);
  recipe.train.freeze = {"transformer.wte.weight"};
  const Plan head = planned();
  const std::int64_t table = config.vocab_size * config.hidden_size;
  CHECK(head.trained_parameters == full.parameters - table);
  CHECK(head.flops_per_token == Approx(full.flops_per_token - 2.0 * static_cast<double>(table)));
  CHECK(item(head, "weights") == item(full, "weights"));
  CHECK(item(full, "optimizer") - item(head, "optimizer") == 8 * table);
  CHECK(item(full, "gradients") - item(head, "gradients") == 4 * table);
  CHECK(head.checkpoint_bytes < full.checkpoint_bytes - 7 * table);
  // Only the last norm trains. The forward pass remains, a third of the products, and the backward
  // pass through the head to that norm (weight and bias).
  recipe.train.freeze = {"transformer.w?e.weight", "transformer.h.*"};
  CHECK(planned().flops_per_token ==
        Approx(full.flops_per_token / 3 + 2.0 * static_cast<double>(table) + 4.0 * 2 * 512));
  // Bfloat16 stays so in memory and on the disk, where it does not train.
  const Plan wide = planned();
  recipe.model.base_bf16.assign(arch::parameter_layout(config).parameters.size(), true);
  const Plan narrow = planned();
  const std::int64_t saved = item(wide, "weights") - item(narrow, "weights");
  CHECK(saved > 2 * table);
  CHECK(wide.checkpoint_bytes - narrow.checkpoint_bytes == saved);
}

TEST_CASE("logits exist for some of the rows, in equal chunks, when the vocabulary is large") {
  const auto rows = [](std::int64_t micro, std::int64_t length, std::int64_t vocab) {
    return make_plan(recipe_of(micro, length), gpt2(12, 512, vocab), 10, 1000, machine(1))
        .loss_chunk_rows;
  };
  CHECK(rows(8, 64, 65) == 512);
  CHECK(rows(4, 1024, 50257) == 512);
  CHECK(rows(64, 1024, 50257) == 517);  // 26 million logits
  CHECK(rows(9, 64, 50257) == 288);     // two chunks
  CHECK(rows(4, 1024, 200000) == 256);  // at least
  CHECK(rows(1, 16, 50257) == 16);      // never more than there are
  const Plan shared = make_plan(recipe_of(5, 64), gpt2(2, 64), 10, 1000, machine(2));
  CHECK(shared.loss_chunk_rows == 3 * 64);  // the larger shard
}

TEST_CASE("every row of a step is computed once, and the micro batch moves none to another shard") {
  for (const std::int64_t global : {1, 2, 7, 12, 30}) {
    for (const int cores : {1, 2, 3}) {
      for (std::int64_t micro = 1; micro <= global; ++micro) {
        recipe::Recipe recipe = recipe_of(micro, 16);
        recipe.train.global_batch_size = global;
        const Plan plan = make_plan(recipe, gpt2(2, 64), 100, 1600, machine(cores));
        CAPTURE(global, cores, micro, plan.shards, plan.shard_rows, plan.accumulation);
        REQUIRE(plan.shards == (global >= cores ? cores : 1));
        for (std::int64_t rows = 1; rows <= global; ++rows) {  // the last step may have fewer
          std::int64_t next = 0;
          for (int shard = 0; shard < plan.shards; ++shard) {
            CHECK(next == rows * shard / plan.shards);
            for (std::int64_t pass = 0; pass < plan.accumulation; ++pass) {
              const RowRange range = rows_of_pass(plan, rows, shard, pass);
              CHECK(range.first == next);
              CHECK((range.count >= 0 && range.count <= plan.shard_rows));
              next += range.count;
            }
          }
          CHECK(next == rows);
        }
      }
    }
  }
}

TEST_CASE("the horizon follows from steps, epochs or tokens, to the row") {
  const auto config = gpt2(2, 64);
  recipe::Recipe recipe = recipe_of(8, 100);
  recipe.train.gradient_accumulation_steps = 2;
  struct Horizon {
    std::int64_t steps, rows;
    bool operator==(const Horizon&) const = default;
  };
  const auto horizon = [&](std::int64_t rows, std::int64_t tokens) {
    const Plan plan = make_plan(recipe, config, rows, tokens, machine(2));
    return Horizon{plan.total_steps, plan.total_rows};
  };
  CHECK(horizon(80, 8000) == Horizon{1000, 0});
  recipe.train.max_steps.reset();
  recipe.train.epochs = 3;
  CHECK(horizon(80, 8000) == Horizon{15, 240});
  CHECK(horizon(81, 8100) == Horizon{16, 243});  // the last step takes what remains
  recipe.train.epochs = 1;
  CHECK(horizon(10, 1000) == Horizon{1, 10});
  recipe.train.epochs = 0.1;
  CHECK(horizon(800, 80000) == Horizon{5, 80});
  CHECK(horizon(1, 100) == Horizon{1, 1});
  recipe.train.epochs.reset();
  recipe.train.max_tokens = 16000;
  CHECK(horizon(80, 8000) == Horizon{10, 160});
  CHECK(horizon(8000, 400000) == Horizon{20, 320});  // packed documents fill half of each row
  recipe.train.max_tokens = 16001;
  CHECK(horizon(80, 8000) == Horizon{11, 161});
  recipe.train.max_tokens.reset();
  CHECK(horizon(80, 8000) == Horizon{kOpenEnd, 0});
}

TEST_CASE("a schedule that is longer than the run is refused") {
  recipe::Recipe recipe = recipe_of(8, 100);
  recipe.train.max_steps.reset();
  recipe.train.epochs = 1;
  const auto error = [&] {
    return error_text([&] { make_plan(recipe, gpt2(2, 64), 80, 8000, machine(2)); });
  };
  recipe.lr_scheduler.warmup_steps = 10;
  CHECK(error().empty());
  recipe.lr_scheduler.warmup_steps = 11;
  CHECK(error() == "usage: lr_scheduler: a warmup of 11 steps is longer than the run of 10");
  recipe.lr_scheduler.name = recipe::Decay::kWsd;
  recipe.lr_scheduler.warmup_steps = 8;
  recipe.lr_scheduler.decay_ratio = 0.2;
  CHECK(error().empty());
  recipe.lr_scheduler.warmup_steps = 9;
  CHECK(error() ==
        "usage: lr_scheduler: a warmup of 9 steps and a decay over 0.2 of the 10 steps overlap");
}

TEST_CASE("an endless horizon is refused, not wrapped") {
  recipe::Recipe recipe = recipe_of(8, 100);
  recipe.train.max_steps.reset();
  recipe.train.epochs = 1e300;
  CHECK_THAT(error_text([&] { make_plan(recipe, gpt2(2, 64), 10, 8000, machine(2)); }),
             ContainsSubstring("usage: train.epochs"));
}

TEST_CASE("warmup is a number of steps or a share of them") {
  recipe::Recipe recipe = recipe_of(8, 100);
  const auto warmup = [&] {
    return make_plan(recipe, gpt2(2, 64), 10, 8000, machine(2)).warmup_steps;
  };
  CHECK(warmup() == 0);
  recipe.lr_scheduler.warmup_ratio = 0.0101;
  CHECK(warmup() == 11);
  recipe.lr_scheduler.warmup_ratio = 0.1;
  CHECK(warmup() == 100);
  recipe.lr_scheduler.warmup_ratio = 0.0;
  CHECK(warmup() == 0);
  recipe.lr_scheduler.warmup_ratio.reset();
  recipe.lr_scheduler.warmup_steps = 7;
  CHECK(warmup() == 7);
}

TEST_CASE("a step's tokens count all its passes") {
  recipe::Recipe recipe = recipe_of(4, 100);
  recipe.train.global_batch_size = 32;
  const Plan plan = make_plan(recipe, gpt2(2, 64), 10, 4000, machine(2));
  CHECK(plan.accumulation == 8);
  CHECK(plan.tokens_per_step == 3200);
  CHECK(plan.parameters == gpt2(2, 64).parameter_count());
  CHECK(plan.flops_per_token == gpt2(2, 64).flops_per_token(100));
}

TEST_CASE("weights, gradients and optimizer take what their types take") {
  const auto config = gpt2(12, 512);
  recipe::Recipe recipe = recipe_of(8, 64);
  const Plan fp32 = make_plan(recipe, config, 10, 5120, machine(2));
  const std::int64_t size = item(fp32, "weights");
  CHECK(size >= 4 * config.parameter_count());
  CHECK(size < 4 * config.parameter_count() + 100'000);
  CHECK(item(fp32, "gradients") == size);
  CHECK(item(fp32, "optimizer") == 2 * size);
  CHECK(item(fp32, "bf16 weights") == 0);
  CHECK(item(fp32, "average") == 0);
  recipe.train.ema_decay = 0.999;
  recipe.data.eval_split = 0.1;
  const Plan mixed = make_plan(recipe, config, 10, 5120, machine(2, true));
  CHECK(item(mixed, "bf16 weights") == size / 2);
  CHECK(item(mixed, "average") == size);
  CHECK(item(mixed, "activations") < item(fp32, "activations"));
  const Plan shared = make_plan(recipe, gpt2(2, 64), 10, 5120, machine(4));
  CHECK(item(shared, "gradients") == 4 * item(shared, "weights"));
}

// Written out once more by hand: N rows, 4 bytes each, one block's buffers times layers and the
// shared ones. GPT-2, F = 4 C, Q = 3 C, A = C; every product below is a multiple of 64 bytes.
TEST_CASE("activations take the sum of the buffers that a pass needs") {
  const std::int64_t L = 3, C = 512, H = 16, N = 8 * 64;
  arch::TransformerConfig config = gpt2(L, C);
  config.layers = L;
  recipe::Recipe recipe = recipe_of(8, 64);
  const Plan plan = make_plan(recipe, config, 10, 5120, machine(1));
  const std::int64_t layer = 4 * N * (2 * C + 2 * C + 4 + 3 * C + C + H + 4 * C + 4 * C);
  const std::int64_t shared = 4 * N * (2 * C + 2 + C);
  const std::int64_t backward = 4 * N * (C + C + C + 3 * C + 4 * C + 4 * C);
  const std::int64_t lookups = 4 * 65 * C;  // every token of the vocabulary, at most
  CHECK(item(plan, "activations") == L * layer + shared + backward + lookups);
  CHECK(item(plan, "loss layer") == 4 * (N * 65 + N));
  CHECK(item(plan, "batch") == 5 * 4 * N);
  std::int64_t sum = 0;
  for (const MemoryItem& entry : plan.memory) sum += entry.bytes;
  CHECK(plan.memory_bytes() == sum);
}

TEST_CASE("memory holds what evaluation and samples need for a while") {
  const std::int64_t L = 3, C = 512, N = 8 * 64;
  arch::TransformerConfig config = gpt2(L, C);
  recipe::Recipe recipe = recipe_of(8, 64);
  recipe.generate.count = 0;
  const auto evaluation = [&](bool bf16 = false) {
    return item(make_plan(recipe, config, 10, 5120, machine(1, bf16)), "evaluation");
  };
  CHECK(evaluation() == 0);
  recipe.data.eval_split = 0.1;
  // One block's buffers, the logits of 512 rows, the batch, and keys and values of one layer.
  const std::int64_t one = 4 * N * (2 * C + 2 * C + 4 + 3 * C + C + 4 * C + 4 * C) +
                           4 * N * (2 * C + 2 + C) + 4 * (N * 65 + N) + 3 * 4 * N + 4 * N * 2 * C;
  CHECK(evaluation() == one);
  const std::int64_t mixed = evaluation(true);
  CHECK(mixed < one);
  recipe.train.ema_decay = 0.99;  // scored in float, besides the weights
  CHECK(evaluation() == 2 * one);
  CHECK(evaluation(true) == mixed + one);
  recipe.eval.at_end = false;
  CHECK(evaluation() == 0);
  recipe.eval.eval_steps = 1000;
  CHECK(evaluation() == 2 * one);
  recipe.eval.eval_steps = 1001;  // beyond the last step
  CHECK(evaluation() == 0);

  // Keys and values of 11 tokens, and the buffers that read a prompt of 1 and of 3.
  recipe.generate = {};
  recipe.generate.count = 1;
  recipe.generate.max_tokens = 10;
  const std::int64_t cache = 2 * L * 11 * C * 4;
  CHECK(evaluation() > cache);
  CHECK(evaluation() < cache + (1 << 20));
  const std::int64_t short_prompt = evaluation();
  recipe.generate.prompts = {"a", "abc"};
  CHECK(evaluation() > short_prompt + 2 * L * 2 * C * 4);
  recipe.data.eval_split = 0.1;
  recipe.eval.at_end = true;  // not at one time with samples
  CHECK(evaluation() == 2 * one);
}

TEST_CASE("memory counts the program, and what kernels hold per thread") {
  const auto config = gpt2(12, 512);
  const Plan one = make_plan(recipe_of(8, 64), config, 10, 5120, machine(1));
  CHECK(item(one, "program") >= 100'000'000);
  const Plan four = make_plan(recipe_of(8, 64), config, 10, 5120, machine(4));
  CHECK(item(four, "kernels") > item(one, "kernels"));
  Machine amx = machine(1, true);
  amx.amx = true;
  const Plan onednn = make_plan(recipe_of(8, 64), config, 10, 5120, amx);
  CHECK(item(onednn, "kernels") > item(one, "kernels") + (10 << 20));
  recipe::Recipe samples = recipe_of(8, 64);
  samples.generate.count = 1;
  const Plan generating = make_plan(samples, config, 10, 5120, amx);
  CHECK(item(generating, "kernels") > item(onednn, "kernels"));
}

TEST_CASE("the disk holds the kept checkpoints and the one being written") {
  const auto config = gpt2(12, 512);
  recipe::Recipe recipe = recipe_of(8, 64);
  const auto checkpoints = [&] {
    const Plan plan = make_plan(recipe, config, 10, 5120, machine(2));
    return plan.disk_bytes / plan.checkpoint_bytes;
  };
  recipe.checkpoint.save_steps = 100;
  recipe.checkpoint.keep_last = 2;
  recipe.checkpoint.keep_best = 1;
  const Plan plan = make_plan(recipe, config, 10, 5120, machine(2));
  CHECK(plan.checkpoint_bytes > 12 * config.parameter_count());
  CHECK(plan.checkpoint_bytes < 12 * config.parameter_count() + (1 << 20));
  CHECK(plan.disk_bytes == 3 * plan.checkpoint_bytes);
  recipe.data.eval_split = 0.1;
  CHECK(checkpoints() == 4);
  recipe.checkpoint.save_steps = 0;
  CHECK(checkpoints() == 2);     // the last step's and that of a stop before
  recipe.eval.eval_steps = 500;  // each may be the best so far, and is saved then
  CHECK(checkpoints() == 4);
  recipe.checkpoint.keep_best = 0;
  CHECK(checkpoints() == 2);
}

TEST_CASE("checkpoints that do not fit on the disk are refused with what would fit") {
  const auto config = gpt2(2, 64);
  recipe::Recipe recipe = recipe_of(8, 64);
  recipe.data.eval_split = 0.1;
  recipe.checkpoint.save_steps = 100;
  recipe.checkpoint.keep_last = 3;
  const Plan plan = make_plan(recipe, config, 10, 5120, machine(2));
  const auto error = [&](double checkpoints) {
    Machine m = machine(2);
    m.free_disk =
        static_cast<std::int64_t>(checkpoints * static_cast<double>(plan.checkpoint_bytes));
    return error_text([&] { check_disk(plan, recipe, m); });
  };
  CHECK(error(5).empty());
  CHECK_THAT(error(4.9), ContainsSubstring("storage: out: the checkpoints need") &&
                             ContainsSubstring("set checkpoint.keep_last=1, or free space"));
  CHECK_THAT(error(2.5),
             ContainsSubstring("set checkpoint.keep_last=1 checkpoint.keep_best=0, or free space"));
  // What cannot help is not advised.
  CHECK_THAT(error(1.5), !ContainsSubstring("keep_last") &&
                             ContainsSubstring("free space, or choose an output_dir"));
}

TEST_CASE("the largest model and batch that pass have a plan without overflow") {
  arch::TransformerConfig config = gpt2(1000, 1 << 20, 1 << 24);
  config.intermediate_size = 1 << 20;
  config.max_positions = 1 << 24;
  const Plan plan = make_plan(recipe_of(1, 1 << 26), config, 10, 1000, machine(2));
  for (const MemoryItem& entry : plan.memory) CHECK(entry.bytes > 0);
  CHECK(plan.memory_bytes() > std::int64_t{1} << 58);
  CHECK(plan.checkpoint_bytes > 0);
  CHECK(plan.disk_bytes > 0);
  for (const auto& [micro, length] :
       {std::pair<std::int64_t, std::int64_t>{2, 1 << 26}, {std::int64_t{1} << 40, 1 << 25}}) {
    const auto recipe = recipe_of(micro, length);
    CHECK_THAT(error_text([&] { make_plan(recipe, config, 10, 1000, machine(2)); }),
               ContainsSubstring("usage: train.micro_batch_size"));
  }
}

TEST_CASE("the plan as JSON names what it holds") {
  const Plan plan = make_plan(recipe_of(8, 64), gpt2(12, 512), 10, 5120, machine(2, true));
  const Json json = plan.to_json();
  CHECK(json.at("precision").as_string() == "bf16-mixed");
  CHECK(json.at("gradient_checkpointing").as_string() == "off");
  CHECK(json.at("threading").as_string() == "ops");
  CHECK(json.at("total_steps").as_int() == 1000);
  CHECK(json.at("memory").at("weights").as_int() == item(plan, "weights"));
  CHECK(json.at("memory_bytes").as_int() == plan.memory_bytes());
}

}  // namespace
}  // namespace llmops::plan
