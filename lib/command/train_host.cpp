#include "command/train_host.h"

#include <fmt/format.h>

#include <cmath>

#include "base/signal.h"
#include "base/text.h"
#include "engine/step_metrics.h"
#include "eval/loss.h"

namespace llmops::command {

namespace {

constexpr std::size_t kShownSamples = 3;  // of a step; all are recorded

}  // namespace

TrainHost::TrainHost(const recipe::Recipe& recipe, const data::Dataset& dataset,
                     record::RunRecorder& recorder, Progress& progress)
    : recipe_(recipe), dataset_(dataset), recorder_(recorder), progress_(progress) {}

void TrainHost::report(const engine::StepReport& r) {
  progress_.step(r);
  const bool due = r.step % recipe_.logging.logging_steps == 0;
  if (!due && r.step != 1 && r.step != r.total_steps &&
      r.outcome == engine::StepOutcome::kUpdated) {
    return;
  }
  for (const engine::StepMetric& metric : engine::kStepMetrics) {
    log(metric.series, r.step, metric.value(r));
  }
  losses_.emplace_back(static_cast<double>(r.step), r.loss);
}

void TrainHost::log(std::string_view name, std::int64_t step, double value) {
  recorder_.log(name, step, value);
  last_[std::string(name)] = {step, value};
}

void TrainHost::event(std::string_view level, std::string_view code, std::int64_t step,
                      std::string_view text) {
  recorder_.event(level, code, step, text);
  progress_.note(fmt::format("{} at step {}: {}", level, step, text));
}

void TrainHost::sample(std::int64_t step, std::string_view prompt, std::string_view text) {
  const auto recorded = prompts_.find(std::string(prompt));
  recorder_.sample(step, recorded == prompts_.end() ? prompt : recorded->second, text);
  if (step != sample_step_) samples_.clear();
  sample_step_ = step;
  samples_.push_back(std::string(prompt) + std::string(text));
  if (progress_.is_json()) {
    progress_.json(Json::object().set("step", step).set("prompt", prompt).set("sample", text));
    return;
  }
  if (samples_.size() > kShownSamples) return;
  progress_.note(fmt::format("sample at step {}:", step));
  std::string whole = std::string(prompt) + std::string(text);
  while (whole.ends_with('\n')) whole.pop_back();
  for (const std::string& line : split(whole, '\n')) {
    progress_.note("  " + line);
  }
  const auto count = static_cast<std::size_t>(recipe_.generate.count);
  if (samples_.size() == kShownSamples && count > kShownSamples) {
    progress_.note(fmt::format("{} more: llmops track show", count - kShownSamples));
  }
}

void TrainHost::checkpoint_saved(const std::string& path, std::int64_t step) {
  recorder_.artifact("output", "checkpoint", path, "", 0);
  recorder_.event("info", "checkpoint", step, path);
  progress_.json(Json::object().set("step", step).set("checkpoint", path));
}

engine::EvalVerdict TrainHost::evaluate(engine::Model& model, std::int64_t step,
                                        std::string_view prefix) {
  const std::int64_t batch_size =
      recipe_.eval.batch_size > 0 ? recipe_.eval.batch_size : recipe_.train.micro_batch_size;
  const eval::LossReport report = eval::evaluate_loss(
      model, dataset_, batch_size, recipe_.eval.max_batches,
      [this](std::int64_t done, std::int64_t total) {
        progress_.phase("evaluating", static_cast<double>(done), static_cast<double>(total));
        return !stop_requested();
      });
  engine::EvalVerdict verdict;
  verdict.complete = !report.stopped;
  if (report.stopped) return verdict;
  const std::string name(prefix);
  verdict.metrics = {{name + "loss", report.loss},
                     {name + "perplexity", report.perplexity},
                     {name + "bits_per_byte", report.bits_per_byte}};
  if (report.loss_stderr) verdict.metrics.emplace_back(name + "loss_stderr", *report.loss_stderr);
  for (const auto& [metric, value] : verdict.metrics) log(metric, step, value);
  if (!std::isfinite(report.loss)) {
    event("warning", "eval_not_finite", step, fmt::format("{}loss is not finite", prefix));
  }
  if (progress_.is_json()) {
    Json line = Json::object().set("step", step);
    for (const auto& [metric, value] : verdict.metrics) line.set(metric, value);
    if (!report.loss_stderr) line.set(name + "loss_stderr", nullptr);
    progress_.json(line);
  } else if (std::isfinite(report.loss)) {
    const std::string error =
        report.loss_stderr ? fmt::format(" ± {:.4f}", *report.loss_stderr) : "";
    progress_.note(fmt::format(
        "step {}  {}loss {:.4f}{}  perplexity {:.3f}  bits per byte {:.4f}  ({} tokens, {})", step,
        prefix, report.loss, error, report.perplexity, report.bits_per_byte,
        format_count(static_cast<double>(report.tokens)), format_seconds(report.seconds)));
  }
  return verdict;
}

void TrainHost::rolled_back(std::int64_t step) {
  recorder_.rewind(step);
  std::erase_if(last_, [step](const auto& entry) { return entry.second.step > step; });
  while (!losses_.empty() && losses_.back().first > static_cast<double>(step)) losses_.pop_back();
}

bool TrainHost::stop_requested() {
  return llmops::stop_requested();
}
bool TrainHost::take_save_request() {
  return llmops::take_save_request();
}

}  // namespace llmops::command
