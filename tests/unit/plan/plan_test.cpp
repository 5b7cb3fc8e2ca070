#include "plan/plan.h"

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
  const Plan few_rows = make_plan(recipe_of(3, 64), small, 10, 1920, machine(4));
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
  recipe.train.precision = "bf16-mixed";
  CHECK(precision(small, false) == Precision::kBf16Mixed);
  recipe.train.precision = "fp32";
  CHECK(precision(large, true) == Precision::kFp32);
}

TEST_CASE("logits exist for a share of the rows when the vocabulary is large") {
  const auto rows = [](std::int64_t micro, std::int64_t length, std::int64_t vocab) {
    return make_plan(recipe_of(micro, length), gpt2(12, 512, vocab), 10, 1000, machine(1))
        .loss_chunk_rows;
  };
  CHECK(rows(8, 64, 65) == 512);
  CHECK(rows(4, 1024, 50257) == 409);   // a tenth
  CHECK(rows(64, 1024, 50257) == 448);  // at most
  CHECK(rows(8, 64, 50257) == 256);     // at least
  CHECK(rows(1, 16, 50257) == 16);      // never more than there are
  const Plan shared = make_plan(recipe_of(5, 64), gpt2(2, 64), 10, 1000, machine(2));
  CHECK(shared.loss_chunk_rows == 3 * 64);  // the larger shard
}

TEST_CASE("the horizon follows from steps, epochs or tokens") {
  const auto config = gpt2(2, 64);
  recipe::Recipe recipe = recipe_of(8, 100);
  recipe.train.gradient_accumulation_steps = 2;
  const auto steps = [&](std::int64_t batches, std::int64_t tokens) {
    return make_plan(recipe, config, batches, tokens, machine(2)).total_steps;
  };
  CHECK(steps(10, 8000) == 1000);
  recipe.train.max_steps.reset();
  recipe.train.epochs = 3;
  CHECK(steps(10, 8000) == 15);
  CHECK(steps(11, 8800) == 17);
  recipe.train.epochs = 0.1;
  CHECK(steps(100, 80000) == 5);
  CHECK(steps(1, 100) == 1);
  recipe.train.epochs.reset();
  recipe.train.max_tokens = 16000;
  CHECK(steps(10, 8000) == 10);
  CHECK(steps(1000, 799300) == 10);  // the last batch of the epoch is short of rows
  CHECK(steps(1000, 400000) == 20);  // packed documents fill half of each row
  recipe.train.max_tokens = 16001;
  CHECK(steps(10, 8000) == 11);
  recipe.train.max_tokens.reset();
  CHECK(steps(10, 8000) == kOpenEnd);
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

TEST_CASE("a step's tokens count all its micro batches") {
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
  CHECK(item(fp32, "evaluation") == 0);
  recipe.train.ema_decay = 0.999;
  recipe.data.eval_split = 0.1;
  const Plan mixed = make_plan(recipe, config, 10, 5120, machine(2, true));
  CHECK(item(mixed, "bf16 weights") == size / 2);
  CHECK(item(mixed, "average") == size);
  CHECK(item(mixed, "evaluation") > 0);
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
  CHECK(item(plan, "activations") == L * layer + shared + backward);
  CHECK(item(plan, "loss layer") == 4 * (N * 65 + N));
  CHECK(item(plan, "batch") == 4 * 4 * N);
  std::int64_t sum = 0;
  for (const MemoryItem& entry : plan.memory) sum += entry.bytes;
  CHECK(plan.memory_bytes() == sum);
}

TEST_CASE("the disk holds the kept checkpoints and the one being written") {
  const auto config = gpt2(12, 512);
  recipe::Recipe recipe = recipe_of(8, 64);
  recipe.checkpoint.save_steps = 100;
  recipe.checkpoint.keep_last = 2;
  recipe.checkpoint.keep_best = 1;
  const Plan plan = make_plan(recipe, config, 10, 5120, machine(2));
  CHECK(plan.checkpoint_bytes > 12 * config.parameter_count());
  CHECK(plan.checkpoint_bytes < 12 * config.parameter_count() + (2 << 20));
  CHECK(plan.disk_bytes == 3 * plan.checkpoint_bytes);
  recipe.data.eval_split = 0.1;
  CHECK(make_plan(recipe, config, 10, 5120, machine(2)).disk_bytes == 4 * plan.checkpoint_bytes);
  recipe.checkpoint.save_steps = 0;
  CHECK(make_plan(recipe, config, 10, 5120, machine(2)).disk_bytes == plan.checkpoint_bytes);
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
