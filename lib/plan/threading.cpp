#include <algorithm>

#include "plan/rules.h"

namespace llmops::plan {
namespace {

// Below this a step is bound by overhead and rounding weights buys nothing.
constexpr std::int64_t kBf16Parameters = 10'000'000;
// Up to this a product of matrices is too small to be worth sharing between cores, and the copies
// of the gradients are small.
constexpr std::int64_t kRowsParameters = 8'000'000;

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

constexpr std::int64_t kChunkLogits = 26'000'000;  // 512 rows of GPT-2's
constexpr std::int64_t kMinChunkRows = 256;

// Every chunk of logits reads the head's weights twice and adds to its gradient, 460 MB for
// GPT-2: the fewer the better, while the logits stay small beside those of all rows.
std::int64_t loss_chunk_rows(std::int64_t rows, std::int64_t vocab_size) {
  const std::int64_t most = std::max(kChunkLogits / vocab_size, kMinChunkRows);
  return divide_up(rows, divide_up(rows, most));
}

}  // namespace

void plan_precision(const recipe::Recipe& recipe, const Machine& machine, Plan& plan) {
  const bool automatic = recipe.train.precision == recipe::Precision::kAuto;
  const bool pays = machine.bf16 && plan.parameters >= kBf16Parameters;
  const bool mixed = automatic ? pays : recipe.train.precision == recipe::Precision::kBf16Mixed;
  plan.precision = mixed ? Precision::kBf16Mixed : Precision::kFp32;
}

void plan_threading(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
                    const Machine& machine, Plan& plan) {
  constexpr std::int64_t kMaxThreads = 4096;
  const std::int64_t wanted = recipe.train.threads > 0 ? recipe.train.threads : machine.cores;
  plan.threads = static_cast<int>(std::clamp<std::int64_t>(wanted, 1, kMaxThreads));
  // The micro batch must not decide: it may change within a run, and the sums would.
  const bool rows = recipe.train.device != "cuda" && plan.threads > 1 &&
                    plan.parameters < kRowsParameters && plan.global_batch >= plan.threads;
  plan.threading = rows ? Threading::kRows : Threading::kOps;
  plan.shards = rows ? plan.threads : 1;
  const std::int64_t micro_batch = std::min(recipe.train.micro_batch_size, plan.global_batch);
  plan.shard_rows = divide_up(micro_batch, plan.shards);
  plan.accumulation = divide_up(divide_up(plan.global_batch, plan.shards), plan.shard_rows);
  plan.loss_chunk_rows = loss_chunk_rows(plan.shard_rows * plan.length, config.vocab_size);
}

}  // namespace llmops::plan
