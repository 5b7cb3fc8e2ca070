#include "tensor/train/trainer.h"

#include <ATen/Context.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "base/resources.h"
#include "base/time.h"
#include "checkpoint/checkpoint.h"
#include "tensor/generate/language_model.h"
#include "tensor/train/best.h"
#include "tensor/train/initial_model.h"
#include "tensor/train/loss_guard.h"
#include "tensor/train/profile.h"
#include "tensor/train/samples.h"
#include "tensor/train/schedule.h"
#include "tensor/train/state.h"
#include "tensor/train/step.h"
#include "tensor/train/throughput.h"

namespace llmops::tensor {

namespace {

using checkpoint::BestStep;
using checkpoint::TrainState;
using engine::TrainHost;
using engine::TrainJob;
using engine::TrainResult;

at::Device device_of(const TrainJob& job) {
  return job.recipe.train.device == "cuda" ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
}

class TrainLoop final : public engine::Trainer {
 public:
  explicit TrainLoop(TrainJob job)
      : job_(std::move(job)),
        weights_(make_weights(job_, device_of(job_))),
        step_(job_.plan, job_.recipe.optimizer, job_.recipe.train.max_grad_norm,
              job_.recipe.train.ema_decay, weights_),
        guard_(job_.recipe.guard),
        rows_(job_.dataset->train_batches()) {}

  TrainResult run(TrainHost& host) override;

 private:
  void start();
  // Does what is due before the next step: evaluation, samples, checkpoint. False when early
  // stopping ends the run.
  bool run_due_work(bool at_end);
  // Sequences that the recipe still asks for, at most those of a step.
  std::int64_t rows_of_next_step() const;
  bool at_end() const;
  void plan_total_steps();
  // Reads the rows of a step into batches_, pass by pass and shard by shard; returns their targets.
  std::int64_t read_step(std::int64_t rows);
  // False when a stop was requested within the step: it is then as if it had not begun.
  bool compute_step(std::int64_t rows, double scale);
  void train_one_step();
  void report(const StepValues& values, std::int64_t tokens, double rate, double seconds,
              double zscore);
  void report_bad_step(const LossGuard::Judgement& judgement, double loss, std::int64_t rows);
  void restore(const std::string& folder);
  void forget_pruned();
  std::optional<std::string> rollback_target() const;
  void roll_back();
  bool evaluate();
  void sample();
  void save();
  TrainResult finish(ExitCode code, std::string reason);
  bool due(std::int64_t every) const { return every > 0 && state_.step % every == 0; }
  // The current step is among the best and must be on disk to stay there.
  bool is_best_step() const {
    return std::any_of(state_.best.begin(), state_.best.end(),
                       [this](const BestStep& best) { return best.step == state_.step; });
  }

  TrainJob job_;
  Weights weights_;
  TrainStep step_;
  LossGuard guard_;
  std::unique_ptr<data::BatchSource> rows_;
  TrainState state_;
  std::int64_t total_steps_ = 0;
  TrainHost* host_ = nullptr;
  std::unique_ptr<Profiler> profiler_;
  std::optional<Throughput> throughput_;
  std::vector<data::Batch> batches_;  // of a step: [pass][shard]
  double started_ = 0;
  bool save_pending_ = false;
  bool cut_short_ = false;  // a stop was requested within a duty, which is done after the resume
  std::string newest_checkpoint_;
};

void TrainLoop::start() {
  if (job_.resume_from) {
    restore(*job_.resume_from);
  } else {
    first_weights(job_, weights_);
    step_.reset();
  }
  plan_total_steps();
}

void TrainLoop::restore(const std::string& folder) {
  state_ = load_checkpoint(folder, weights_, step_);
  guard_.restore(state_.guard);
  newest_checkpoint_ = folder;
  forget_pruned();
}

// Best checkpoints that were pruned since, or that another output folder has.
void TrainLoop::forget_pruned() {
  std::erase_if(state_.best, [this](const BestStep& best) {
    return !path_exists(join_path(job_.output_dir, checkpoint::checkpoint_name(best.step)));
  });
}

std::int64_t TrainLoop::rows_of_next_step() const {
  const std::int64_t whole = job_.plan.global_batch, total = job_.plan.total_rows;
  return total > 0 ? std::clamp<std::int64_t>(total - state_.trained_rows(), 0, whole) : whole;
}

bool TrainLoop::at_end() const {
  return job_.plan.total_rows > 0 ? rows_of_next_step() == 0 : state_.step >= total_steps_;
}

// A run that ended with a short step and is extended has one step more than its rows make.
void TrainLoop::plan_total_steps() {
  const plan::Plan& plan = job_.plan;
  total_steps_ = plan.total_steps;
  if (plan.total_rows == 0) return;
  const std::int64_t left = std::max<std::int64_t>(0, plan.total_rows - state_.trained_rows());
  total_steps_ = state_.step + (left + plan.global_batch - 1) / plan.global_batch;
}

TrainResult TrainLoop::run(TrainHost& host) {
  host_ = &host;
  started_ = monotonic_seconds();
  // On a CPU every kernel is; on CUDA some of ATen's are only when asked.
  at::globalContext().setDeterministicAlgorithms(job_.recipe.deterministic, false);
  if (job_.profile) {
    profiler_ = std::make_unique<Profiler>(step_.kernels());
    step_.set_kernels(profiler_->kernels());
  }
  start();
  const auto& max_time = job_.recipe.train.max_time;
  while (true) {
    const bool ended = at_end();
    if (!run_due_work(ended)) return finish(ExitCode::kOk, "early stopping");
    if (ended && !cut_short_) return finish(ExitCode::kOk, "");
    const bool stop = host.stop_requested();
    const bool out_of_time = max_time && monotonic_seconds() - started_ >= max_time->seconds;
    save_pending_ = host.take_save_request() || save_pending_;
    if (stop || out_of_time || (save_pending_ && !guard_.is_unstable())) save();
    if (stop) return finish(ExitCode::kTerminated, "stopped by a signal");
    if (out_of_time) return finish(ExitCode::kBudgetSpent, "train.max_time is spent");
    train_one_step();
    if (guard_.exhausted()) {
      if (state_.rollbacks >= job_.recipe.guard.max_rollbacks) {
        return finish(ExitCode::kDiverged, fmt::format("diverged at step {} after {} rollbacks",
                                                       state_.step, state_.rollbacks));
      }
      roll_back();
    }
  }
}

bool TrainLoop::run_due_work(bool at_end) {
  const recipe::Recipe& recipe = job_.recipe;
  const bool first = state_.step == 0;
  const bool eval_due =
      first ? recipe.eval.at_start : due(recipe.eval.eval_steps) || (at_end && recipe.eval.at_end);
  bool go_on = true;
  if (eval_due && state_.last_eval_step != state_.step && job_.dataset->has_eval()) {
    go_on = evaluate();
  }
  const bool sample_due =
      recipe.generate.count > 0 && !first && (due(recipe.generate.every_steps) || at_end);
  if (sample_due && state_.last_sample_step != state_.step && !cut_short_) sample();
  if (first || state_.last_save_step == state_.step) return go_on;
  // After bad steps a save waits for a good one: a rollback must not come back to them.
  save_pending_ = save_pending_ || due(recipe.checkpoint.save_steps);
  const bool must_save = at_end || !go_on || is_best_step();
  if (must_save || (save_pending_ && !guard_.is_unstable())) save();
  return go_on;
}

std::int64_t TrainLoop::read_step(std::int64_t rows) {
  const TimedPhase phase(profiler_.get(), "data");
  const auto shards = static_cast<std::size_t>(job_.plan.shards);
  batches_.resize(static_cast<std::size_t>(job_.plan.accumulation) * shards);
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    const plan::RowRange range = plan::rows_of_pass(job_.plan, rows, static_cast<int>(i % shards),
                                                    static_cast<std::int64_t>(i / shards));
    rows_->read(state_.rows + range.first, range.count, batches_[i]);
    tokens += batches_[i].supervised_tokens;
  }
  return tokens;
}

bool TrainLoop::compute_step(std::int64_t rows, double scale) {
  const TimedPhase phase(profiler_.get(), "forward and backward");
  const auto shards = static_cast<std::size_t>(job_.plan.shards);
  StepContext context{.rows = rows,
                      .scale = scale,
                      .seed = static_cast<std::uint64_t>(job_.recipe.seed),
                      .step = static_cast<std::uint64_t>(state_.step)};
  context.give_up = [this] { return host_->stop_requested(); };
  for (std::int64_t pass = 0; pass < job_.plan.accumulation; ++pass) {
    const auto batches =
        std::span(batches_).subspan(static_cast<std::size_t>(pass) * shards, shards);
    if (!step_.accumulate(batches, pass, context)) {
      step_.discard();
      return false;
    }
  }
  return true;
}

void TrainLoop::train_one_step() {
  const double start = monotonic_seconds();
  const std::int64_t rows = rows_of_next_step();
  const std::int64_t tokens = read_step(rows);
  // Divide by the supervised tokens of the whole step, not of this pass: rows differ in targets,
  // and a mean of means would weigh short ones more.
  double scale = tokens > 0 ? 1.0 / static_cast<double>(tokens) : 0.0;
  if (fault_point("train.step") == kNotFiniteFault) scale = std::nan("");
  if (!compute_step(rows, scale)) return;
  const double rate = learning_rate(job_.recipe.optimizer, job_.recipe.lr_scheduler, state_.step,
                                    job_.plan.warmup_steps, total_steps_);
  // Without a target there is nothing to learn from; decay and momentum would still move weights.
  StepValues values;
  fault_point("train.update");
  if (tokens > 0) {
    const TimedPhase phase(profiler_.get(), "update");
    values = step_.update(rate);
  }
  ++state_.step;
  state_.rows += rows;
  state_.tokens += tokens;
  const double loss = values.loss_sum * scale;
  const LossGuard::Judgement judgement =
      tokens > 0 ? guard_.judge(loss, values.grad_norm) : LossGuard::Judgement{};
  const double seconds = monotonic_seconds() - start;
  state_.seconds += seconds;
  report(values, tokens, rate, seconds, judgement.zscore);
  if (profiler_) profiler_->end_step(seconds);
  if (judgement.verdict != LossGuard::Verdict::kGood) report_bad_step(judgement, loss, rows);
}

void TrainLoop::report(const StepValues& values, std::int64_t tokens, double rate, double seconds,
                       double zscore) {
  if (!throughput_) {
    throughput_.emplace(job_.plan.flops_per_token,
                        measure_matmul_flops(weights_.device(), weights_.bf16()));
  }
  throughput_->add(seconds, tokens);
  engine::StepReport report;
  report.step = state_.step;
  report.total_steps = total_steps_;
  report.tokens = tokens;
  report.total_tokens = state_.tokens;
  report.epoch = static_cast<double>(state_.rows) / static_cast<double>(rows_->rows_per_epoch());
  report.loss = tokens > 0 ? values.loss_sum / static_cast<double>(tokens) : 0;
  report.loss_zscore = zscore;
  report.grad_norm = values.grad_norm;
  report.learning_rate = rate;
  report.outcome = tokens == 0      ? engine::StepOutcome::kNoTargets
                   : values.applied ? engine::StepOutcome::kUpdated
                                    : engine::StepOutcome::kNotFinite;
  report.seconds = seconds;
  report.tokens_per_second = throughput_->tokens_per_second();
  report.mfu = throughput_->mfu();
  report.eta_seconds = throughput_->eta_seconds(total_steps_ - state_.step);
  report.memory_bytes = static_cast<std::int64_t>(peak_resident_bytes());
  host_->report(report);
}

void TrainLoop::report_bad_step(const LossGuard::Judgement& judgement, double loss,
                                std::int64_t rows) {
  const bool skipped = judgement.verdict == LossGuard::Verdict::kNonFinite;
  host_->event("warning", skipped ? "non_finite" : "loss_spike", state_.step,
               skipped ? fmt::format("loss {} or its gradients are not finite; update skipped "
                                     "(sequences {} to {} of the data)",
                                     loss, state_.rows - rows, state_.rows - 1)
                       : fmt::format("loss {:.4f} is {:.1f} robust deviations above the recent "
                                     "median",
                                     loss, judgement.zscore));
}

// The newest checkpoint that was saved outside of trouble, next to the one this run wrote last or
// began from; the newest whole one when it is damaged.
std::optional<std::string> TrainLoop::rollback_target() const {
  if (state_.good_step < 0) return std::nullopt;
  const std::string target =
      join_path(parent_path(newest_checkpoint_), checkpoint::checkpoint_name(state_.good_step));
  const auto damage = checkpoint::verify(target);
  if (!damage) return target;
  host_->event("warning", "damaged_checkpoint", state_.step,
               fmt::format("{}: {}", target, *damage));
  const auto all = checkpoint::list_checkpoints(job_.output_dir);
  std::optional<std::string> newest;
  for (auto found = all.rbegin(); found != all.rend(); ++found) {
    if (checkpoint::verify(found->path)) continue;
    if (checkpoint::read_train_state(found->path).good_step == found->step) return found->path;
    if (!newest) newest = found->path;
  }
  return newest;
}

// Back to the last good checkpoint (the start, when there is none), past the bad window of data.
void TrainLoop::roll_back() {
  const std::int64_t bad_step = state_.step, cursor = state_.rows;
  const std::int64_t rollbacks = state_.rollbacks + 1;
  if (const auto good = rollback_target()) {
    restore(*good);
  } else {
    state_ = TrainState{};
    guard_ = LossGuard(job_.recipe.guard);
    first_weights(job_, weights_);
    step_.reset();
  }
  save_pending_ = false;
  state_.rollbacks = rollbacks;
  state_.skipped_rows = cursor - state_.trained_rows();
  state_.rows = cursor;
  plan_total_steps();
  guard_.forget_instability();
  host_->event("warning", "rollback", state_.step,
               fmt::format("rolled back from step {} to step {}; the data of the window is skipped",
                           bad_step, state_.step));
  host_->rolled_back(state_.step);
}

bool TrainLoop::evaluate() {
  const TimedPhase phase(profiler_.get(), "evaluation");
  const auto model = make_model(weights_.config(), weights_.tensors(), weights_.bf16());
  engine::EvalVerdict verdict = host_->evaluate(*model, state_.step, "eval/");
  cut_short_ = !verdict.complete;
  if (cut_short_) return true;
  if (step_.average().defined()) {
    const auto average = make_model(
        weights_.config(),
        assemble(weights_.config(), weights_.layout(), weights_.values_with(step_.average())),
        false);
    const engine::EvalVerdict smoothed = host_->evaluate(*average, state_.step, "eval/ema_");
    cut_short_ = !smoothed.complete;
    if (cut_short_) return true;
    verdict.metrics.insert(verdict.metrics.end(), smoothed.metrics.begin(), smoothed.metrics.end());
  }
  state_.last_eval_step = state_.step;
  state_.last_save_step = -1;  // a resume from this very step knows less
  return judge_evaluation(job_.recipe, verdict, state_);
}

void TrainLoop::sample() {
  const TimedPhase phase(profiler_.get(), "samples");
  const auto make = [this] {
    return make_model(weights_.config(), weights_.tensors(), weights_.bf16());
  };
  cut_short_ = !write_samples(job_, make, state_.step, *host_);
  if (cut_short_) return;
  state_.last_sample_step = state_.step;
  state_.last_save_step = -1;
}

void TrainLoop::save() {
  save_pending_ = false;
  if (state_.last_save_step == state_.step) return;
  const TimedPhase phase(profiler_.get(), "checkpoints");
  host_->flush(state_.step);
  std::vector<std::int64_t> keep;
  for (const BestStep& best : state_.best) keep.push_back(best.step);
  // A stop in trouble saves a state that a rollback must not come back to.
  if (!guard_.is_unstable()) state_.good_step = state_.step;
  if (state_.good_step >= 0) keep.push_back(state_.good_step);
  state_.guard = guard_.state();
  newest_checkpoint_ = save_checkpoint(job_, state_, weights_, step_);
  state_.last_save_step = state_.step;
  host_->checkpoint_saved(newest_checkpoint_, state_.step);
  checkpoint::prune(job_.output_dir, job_.recipe.checkpoint.keep_last, keep);
}

TrainResult TrainLoop::finish(ExitCode code, std::string reason) {
  TrainResult result;
  result.code = code;
  result.reason = std::move(reason);
  result.step = state_.step;
  result.total_tokens = state_.tokens;
  result.checkpoint = newest_checkpoint_;
  if (!state_.best.empty()) {
    result.best_checkpoint =
        join_path(job_.output_dir, checkpoint::checkpoint_name(state_.best.front().step));
  }
  result.seconds = monotonic_seconds() - started_;
  if (profiler_) result.profile = profiler_->finish(job_.trace_path);
  return result;
}

}  // namespace

std::unique_ptr<engine::Trainer> make_trainer(TrainJob job) {
  return std::make_unique<TrainLoop>(std::move(job));
}

}  // namespace llmops::tensor
