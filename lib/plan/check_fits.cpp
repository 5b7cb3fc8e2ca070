#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "plan/rules.h"

namespace llmops::plan {
namespace {

std::int64_t memory_of(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
                       const Machine& machine, std::int64_t total_steps) {
  Plan plan;
  plan.total_steps = total_steps;
  plan_shape(recipe, config, plan);
  plan_precision(recipe, machine, plan);
  plan_threading(recipe, config, machine, plan);
  plan_memory(recipe, config, machine, plan);
  return plan.memory_bytes();
}

std::string bytes_text(std::int64_t bytes) {
  return format_bytes(static_cast<double>(bytes));
}

// Looks for a change of the recipe that fits and gives the same training: a smaller micro batch of
// the same global batch costs least, recomputation costs a share of the forward pass.
class Remedy {
 public:
  Remedy(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
         const Machine& machine, std::int64_t total_steps)
      : recipe_(recipe), config_(config), machine_(machine), total_steps_(total_steps) {}

  std::optional<std::string> find() {
    const Recompute now = recipe_.train.gradient_checkpointing;
    for (const Recompute mode : {Recompute::kOff, Recompute::kSelective, Recompute::kFull}) {
      recipe::Recipe changed = recipe_;
      std::string settings;
      if (mode != Recompute::kOff) {
        if (mode <= now) continue;
        changed.train.gradient_checkpointing = mode;
        settings = fmt::format("train.gradient_checkpointing={}", enum_name(mode));
        if (const auto text = fits(changed, settings)) return text;
      }
      if (const auto text = smaller_batch(changed, settings)) return text;
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> fits(const recipe::Recipe& changed, const std::string& settings) {
    const std::int64_t bytes = memory_of(changed, config_, machine_, total_steps_);
    if (bytes > machine_.available_memory) return std::nullopt;
    return "set " + settings + " (" + bytes_text(bytes) + ")";
  }

  // The largest divisor of the global batch below the micro batch that fits.
  std::optional<std::string> smaller_batch(recipe::Recipe changed, std::string settings) {
    const std::int64_t now = changed.train.micro_batch_size;
    const std::int64_t global = recipe::global_batch_size(changed.train);
    if (!settings.empty()) settings += ' ';
    for (std::int64_t micro = now - 1; micro >= 1; --micro) {
      if (global % micro != 0 || global / micro > recipe::Train::kMostAccumulation) continue;
      changed.train.micro_batch_size = micro;
      std::string all = settings + "train.micro_batch_size=" + std::to_string(micro);
      if (!changed.train.global_batch_size) {
        changed.train.gradient_accumulation_steps = global / micro;
        all += " train.gradient_accumulation_steps=" + std::to_string(global / micro);
      }
      if (const auto text = fits(changed, all)) return text;
    }
    return std::nullopt;
  }

  const recipe::Recipe& recipe_;
  const arch::TransformerConfig& config_;
  const Machine& machine_;
  std::int64_t total_steps_;
};

}  // namespace

void check_fits(const Plan& plan, const recipe::Recipe& recipe,
                const arch::TransformerConfig& config, const Machine& machine) {
  const std::int64_t needed = plan.memory_bytes();
  if (machine.available_memory <= 0 || needed <= machine.available_memory) return;
  Error error(ExitCode::kOutOfMemory,
              fmt::format("training needs {}, {} are available", bytes_text(needed),
                          bytes_text(machine.available_memory)));
  const auto remedy = Remedy(recipe, config, machine, plan.total_steps).find();
  throw error.hint(remedy ? *remedy
                          : "no batch size and no recomputation fits; choose a smaller model or a "
                            "shorter data.max_seq_length");
}

}  // namespace llmops::plan
