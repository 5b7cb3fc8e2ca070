#include "plan/plan.h"

#include <algorithm>
#include <array>

#include "arch/freeze.h"
#include "base/error.h"
#include "plan/rules.h"

namespace llmops::plan {
namespace {

template <typename Enum>
struct Name {
  Enum value;
  std::string_view name;
};
constexpr std::array<Name<Precision>, 2> kPrecisions{
    {{Precision::kFp32, "fp32"}, {Precision::kBf16Mixed, "bf16-mixed"}}};

constexpr std::array<Name<Threading>, 2> kThreadings{
    {{Threading::kRows, "rows"}, {Threading::kOps, "ops"}}};

template <typename Table, typename Enum>
std::string_view name_in(const Table& table, Enum value) {
  for (const auto& entry : table) {
    if (entry.value == value) return entry.name;
  }
  return {};
}

// Subtracts the operations that freezing saves: gradients of the frozen parameters, and the whole
// backward pass below the lowest layer that trains.
void plan_frozen(const arch::ParameterLayout& layout, const arch::TransformerConfig& config,
                 Plan& plan) {
  plan.embedding_trains = layout.find(arch::Part::kTokenEmbedding)->trains;
  const int layers = static_cast<int>(config.layers);
  int lowest = layers;      // that a gradient must reach
  bool below_head = false;  // something trains there
  for (const arch::Parameter& p : layout.parameters) {
    if (!p.trains) continue;
    plan.trained_parameters += p.size;
    const bool lookup = arch::traits(p.part).kind == arch::PartKind::kEmbedding;
    if (lookup || p.layer >= 0) lowest = std::min(lowest, std::max(p.layer, 0));
    below_head = below_head || p.part != arch::Part::kHead;
  }
  const std::int64_t keys =
      config.sliding_window > 0 ? std::min(plan.length, config.sliding_window) : plan.length;
  plan.flops_per_token -= 8.0 * static_cast<double>(lowest * config.attention_size() * keys);
  for (const arch::Parameter& p : layout.parameters) {
    const bool lookup = arch::traits(p.part).kind == arch::PartKind::kEmbedding;
    if (lookup && !arch::is_multiplied(p, config)) continue;
    const bool above = p.layer >= 0 ? p.layer >= lowest : below_head;  // a gradient passes it
    plan.flops_per_token -=
        ((p.trains ? 0.0 : 2.0) + (above ? 0.0 : 2.0)) * static_cast<double>(p.size);
  }
}

}  // namespace

std::string_view name_of(Precision precision) {
  return name_in(kPrecisions, precision);
}

std::string_view name_of(Threading threading) {
  return name_in(kThreadings, threading);
}

void plan_shape(const recipe::Recipe& recipe, const arch::TransformerConfig& config, Plan& plan) {
  const std::int64_t micro_batch = recipe.train.micro_batch_size;
  plan.length = recipe.data.max_seq_length;
  if (micro_batch < 1 || micro_batch > kMaxTokens || plan.length < 1 || plan.length > kMaxTokens ||
      micro_batch * plan.length > kMaxTokens) {
    throw usage_error("train.micro_batch_size {} x data.max_seq_length {} must be 1 to {} tokens",
                      micro_batch, plan.length, kMaxTokens);
  }
  plan.global_batch = recipe::global_batch_size(recipe.train);
  if (__builtin_mul_overflow(plan.global_batch, plan.length, &plan.tokens_per_step)) {
    throw usage_error("{} sequences per step are too many", plan.global_batch);
  }
  plan.recompute = recipe.train.gradient_checkpointing;
  plan.parameters = config.parameter_count();
  plan.flops_per_token = config.flops_per_token(plan.length);
  plan_frozen(arch::frozen_layout(config, recipe.train.freeze), config, plan);
}

Plan make_plan(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
               std::int64_t rows_per_epoch, std::int64_t tokens_per_epoch, const Machine& machine) {
  arch::check(config);
  Plan plan;
  plan_shape(recipe, config, plan);
  plan_precision(recipe, machine, plan);
  plan_threading(recipe, config, machine, plan);
  plan_horizon(recipe, rows_per_epoch, tokens_per_epoch, plan);
  plan_memory(recipe, config, machine, plan);
  plan_disk(recipe, config, plan);
  return plan;
}

RowRange rows_of_pass(const Plan& plan, std::int64_t rows, int shard, std::int64_t pass) {
  const std::int64_t begin = rows * shard / plan.shards, end = rows * (shard + 1) / plan.shards;
  const std::int64_t first = std::min(end, begin + pass * plan.shard_rows);
  return {first, std::min(end - first, plan.shard_rows)};
}

std::int64_t Plan::memory_bytes() const {
  std::int64_t total = 0;
  for (const MemoryItem& item : memory) total += item.bytes;
  return total;
}

Json Plan::to_json() const {
  Json items = Json::object();
  for (const MemoryItem& item : memory) items.set(item.name, item.bytes);
  Json json = Json::object();
  return json.set("precision", name_of(precision))
      .set("gradient_checkpointing", enum_name(recompute))
      .set("threading", name_of(threading))
      .set("threads", threads)
      .set("shards", shards)
      .set("global_batch_size", global_batch)
      .set("length", length)
      .set("shard_rows", shard_rows)
      .set("passes_per_step", accumulation)
      .set("loss_chunk_rows", loss_chunk_rows)
      .set("total_rows", total_rows)
      .set("total_steps", total_steps)
      .set("warmup_steps", warmup_steps)
      .set("tokens_per_step", tokens_per_step)
      .set("parameters", parameters)
      .set("trained_parameters", trained_parameters)
      .set("flops_per_token", flops_per_token)
      .set("memory", std::move(items))
      .set("memory_bytes", memory_bytes())
      .set("checkpoint_bytes", checkpoint_bytes)
      .set("disk_bytes", disk_bytes);
}

}  // namespace llmops::plan
