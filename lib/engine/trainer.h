#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/transformer_config.h"
#include "base/exit_code.h"
#include "base/json.h"
#include "data/dataset.h"
#include "engine/model.h"
#include "plan/plan.h"
#include "recipe/identity.h"
#include "recipe/recipe.h"

namespace llmops::engine {

// kNotFinite: the loss or its gradient is not finite, and the update was skipped. kNoTargets: no
// token of the step has a loss, and there was nothing to update with.
enum class StepOutcome { kUpdated, kNotFinite, kNoTargets };

// Report of one optimizer step. Values are final: the step has completed.
struct StepReport {
  std::int64_t step = 0, total_steps = 0;
  std::int64_t tokens = 0;        // supervised tokens of this step
  std::int64_t total_tokens = 0;  // since the start of the run, over resumes
  double epoch = 0;
  double loss = 0, loss_zscore = 0;  // nats per token
  double grad_norm = 0, learning_rate = 0;
  StepOutcome outcome = StepOutcome::kUpdated;
  double seconds = 0;                     // of this step
  double tokens_per_second = 0, mfu = 0;  // over the recent steps
  double eta_seconds = 0;
  std::int64_t memory_bytes = 0;  // peak RSS of the process
};

struct EvalVerdict {
  std::vector<std::pair<std::string, double>> metrics;  // "eval/loss", "eval/perplexity" …
  bool complete = true;  // false when a stop request cut the evaluation short
};

// What training needs from the program around it; command/ builds it. Called from the training
// thread between steps; report() returns without waiting for the disk.
class TrainHost {
 public:
  virtual ~TrainHost() = default;
  virtual void report(const StepReport& report) = 0;
  virtual void event(std::string_view level, std::string_view code, std::int64_t step,
                     std::string_view text) = 0;
  virtual void sample(std::int64_t step, std::string_view prompt, std::string_view text) = 0;
  // All up to the step was logged, and a checkpoint of it is about to be written. Makes it durable
  // if that takes no more than two seconds; never throws.
  virtual void flush(std::int64_t step) = 0;
  virtual void checkpoint_saved(const std::string& path, std::int64_t step) = 0;
  // Evaluates the live model on the eval set; the same code as `llmops eval`.
  // Metrics are recorded under `prefix`: "eval/", or "eval/ema_" for the average of the weights.
  virtual EvalVerdict evaluate(Model& model, std::int64_t step, std::string_view prefix) = 0;
  // The run continues from an earlier step: later points no longer count.
  virtual void rolled_back(std::int64_t step) = 0;
  // A signal asked to save and leave. Safe from any thread: asked within a step, too.
  virtual bool stop_requested() = 0;
  virtual bool take_save_request() = 0;  // true once per SIGUSR1
};

struct TrainJob {
  recipe::Recipe recipe;
  arch::TransformerConfig config;
  plan::Plan plan;
  const data::Dataset* dataset = nullptr;
  std::string output_dir;                  // holds checkpoint-N folders and `latest`
  std::optional<std::string> resume_from;  // checkpoint folder
  std::string run_id;                      // stored with each checkpoint,
  recipe::Identity identity;               // as is this
  bool profile = false;
  std::string trace_path;  // Chrome trace, with profile
};

struct TrainResult {
  ExitCode code = ExitCode::kOk;
  std::string reason;  // one line when code is not kOk; "early stopping" may be with kOk
  std::int64_t step = 0, total_tokens = 0;
  std::string checkpoint;       // newest, empty when none was written
  std::string best_checkpoint;  // by checkpoint.metric, empty without evaluation
  double seconds = 0;
  Json profile;  // time per phase and kernel, with TrainJob::profile
};

class Trainer {
 public:
  virtual ~Trainer() = default;
  virtual TrainResult run(TrainHost& host) = 0;
};

}  // namespace llmops::engine
