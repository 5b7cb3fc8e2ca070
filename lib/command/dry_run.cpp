#include "command/dry_run.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "command/terminal.h"
#include "command/train_resume.h"
#include "engine/engine.h"

namespace llmops::command {

namespace {

// Share of the measured matrix-product rate that a training step reaches, for the time estimate:
// between the 55 % of small models and the 85 % of large ones (docs/benchmarks/train.md).
constexpr double kEfficiency = 0.65;

void row(std::FILE* out, std::string_view name, const std::string& value) {
  fmt::print(out, "{:<16} {}\n", name, value);
}

void print_plan(std::FILE* out, const recipe::Recipe& recipe, const plan::Plan& plan,
                const data::DataEstimate& data, double seconds) {
  const std::string mark = data.exact ? "" : " (estimated from a sample)";
  row(out, "model",
      fmt::format("{} {}, {} parameters{}", recipe.model.arch, name_of(plan.precision),
                  format_count(static_cast<double>(plan.parameters)),
                  plan.trained_parameters == plan.parameters
                      ? ""
                      : fmt::format(", {} of them trained",
                                    format_count(static_cast<double>(plan.trained_parameters)))));
  row(out, "data",
      fmt::format("{} training tokens, {} evaluation tokens, vocabulary {}{}",
                  format_count(static_cast<double>(data.train_tokens)),
                  format_count(static_cast<double>(data.eval_tokens)), data.vocab_size, mark));
  const bool open_end = plan.total_steps == plan::kOpenEnd;
  row(out, "steps",
      fmt::format("{} of {} tokens ({} sequences of {})",
                  open_end ? "until train.max_time," : std::to_string(plan.total_steps),
                  format_count(static_cast<double>(plan.tokens_per_step)), plan.global_batch,
                  plan.length));
  row(out, "threads",
      fmt::format("{}, {}", plan.threads,
                  plan.threading == plan::Threading::kRows ? "each with rows of the batch"
                                                           : "all on each operation"));
  row(out, "memory", format_bytes(static_cast<double>(plan.memory_bytes())));
  for (const plan::MemoryItem& item : plan.memory) {
    row(out, "",
        fmt::format("{:<14} {:>12}", item.name, format_bytes(static_cast<double>(item.bytes))));
  }
  row(out, "checkpoint", format_bytes(static_cast<double>(plan.checkpoint_bytes)));
  row(out, "disk", format_bytes(static_cast<double>(plan.disk_bytes)));
  row(out, "time",
      open_end ? format_seconds(recipe.train.max_time->seconds)
               : "about " + format_seconds(seconds) + " (estimated)");
}

}  // namespace

ExitCode dry_run(const TrainOptions& options, const recipe::Recipe& recipe,
                 const Invocation& invocation) {
  const data::DataEstimate data = data::estimate(recipe);
  if (const auto warning = data::small_vocabulary(recipe.tokenizer, data.vocab_size)) {
    tell(invocation.err, "llmops: warning: {}\n", *warning);
  }
  const PlannedRun run = plan_run(
      recipe, {data.train_windows, data.train_tokens, data.vocab_size, data.tokenizer.get()});
  const plan::Plan& plan = run.plan;
  require_writable_folder(absolute_path(recipe.output_dir));
  if (options.resume == "never") require_fresh(recipe.output_dir, options.resume);
  const bool bf16 = plan.precision == plan::Precision::kBf16Mixed;
  const double rate = engine::load_engine(recipe.train.device).matmul_flops(bf16);
  const double seconds = plan.flops_per_token * static_cast<double>(plan.tokens_per_step) *
                         static_cast<double>(plan.total_steps) / (kEfficiency * rate);
  if (options.json) {
    Json json = plan.to_json();
    json.set("train_tokens", data.train_tokens)
        .set("eval_tokens", data.eval_tokens)
        .set("exact", data.exact)
        .set("estimated_seconds",
             plan.total_steps == plan::kOpenEnd ? recipe.train.max_time->seconds : seconds);
    fmt::print(invocation.out, "{}\n", json.dump());
  } else {
    print_plan(invocation.out, recipe, plan, data, seconds);
  }
  // After the plan: what is too large shows in it.
  require_memory(run, recipe);
  plan::check_disk(plan, recipe, run.machine);
  return ExitCode::kOk;
}

}  // namespace llmops::command
