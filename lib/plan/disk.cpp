#include <algorithm>
#include <limits>

#include "arch/freeze.h"
#include "base/error.h"
#include "base/text.h"
#include "plan/rules.h"

namespace llmops::plan {
namespace {

std::int64_t times(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::int64_t>::max()
                                                : product;
}

// How often something happens that is due every so many steps and at the end.
std::int64_t occasions(std::int64_t every, std::int64_t steps) {
  return every > 0 ? std::max<std::int64_t>(1, (steps + every - 1) / every) : 1;
}

// Checkpoints that exist at one time: an old one goes when a new one is whole. A stop saves one
// more than are due.
std::int64_t checkpoints_at_once(const recipe::Recipe& recipe, const Plan& plan) {
  const recipe::Checkpoint& policy = recipe.checkpoint;
  std::int64_t written = occasions(policy.save_steps, plan.total_steps);
  std::int64_t kept = std::max<std::int64_t>(1, policy.keep_last);
  if (recipe::has_eval_set(recipe) && policy.keep_best > 0) {
    kept += policy.keep_best;
    // A best one is written at its evaluation.
    if (recipe.eval.eval_steps > 0) written += occasions(recipe.eval.eval_steps, plan.total_steps);
  }
  return std::min(written + 1, kept + 1);
}

}  // namespace

void plan_disk(const recipe::Recipe& recipe, const arch::TransformerConfig& config, Plan& plan) {
  constexpr std::int64_t kFloatBytes = 4, kBf16Bytes = 2;
  const arch::ParameterLayout layout = arch::frozen_layout(config, recipe.train.freeze);
  const std::int64_t copies = recipe.train.ema_decay > 0 ? 2 : 1;
  std::int64_t model = 0, tensors = 0;
  for (const arch::HfTensor& tensor : arch::hf_tensors(config, layout)) {
    std::int64_t elements = 1;
    for (const std::int64_t n : tensor.shape) elements *= n;
    const bool bf16 = keeps_bf16(layout, tensor.parameter, recipe.model.base_bf16);
    model += elements * (bf16 && !tensor.zero ? kBf16Bytes : kFloatBytes);
    ++tensors;
  }
  // Configs and the manifest, headers, a tokenizer.json of about 64 bytes a token.
  const std::int64_t texts = (std::int64_t{64} << 10) + 512 * tensors + 64 * config.vocab_size;
  plan.checkpoint_bytes = copies * model + 2 * layout.size * kFloatBytes + texts;
  plan.disk_bytes = times(checkpoints_at_once(recipe, plan), plan.checkpoint_bytes);
}

void check_disk(const Plan& plan, const recipe::Recipe& recipe, const Machine& machine) {
  if (plan.disk_bytes <= machine.free_disk) return;
  const auto text = [](std::int64_t bytes) { return format_bytes(static_cast<double>(bytes)); };
  Error error(ExitCode::kStorage, fmt::format("the checkpoints need {}, {} are free",
                                              text(plan.disk_bytes), text(machine.free_disk)));
  error.at(recipe.output_dir);
  recipe::Recipe fewer = recipe;
  std::string settings;
  const auto fits = [&] {
    return times(checkpoints_at_once(fewer, plan), plan.checkpoint_bytes) <= machine.free_disk;
  };
  if (fewer.checkpoint.keep_last > 1) settings = " checkpoint.keep_last=1";
  fewer.checkpoint.keep_last = 1;
  if (!fits() && fewer.checkpoint.keep_best > 0) {
    settings += " checkpoint.keep_best=0";
    fewer.checkpoint.keep_best = 0;
  }
  throw fits() ? error.hint("set" + settings + ", or free space")
               : error.hint("free space, or choose an output_dir on another disk");
}

}  // namespace llmops::plan
