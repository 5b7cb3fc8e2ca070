#include "command/train_report.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/signal.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/train_state.h"
#include "recipe/expect.h"
#include "recipe/metrics.h"
#include "track/plot.h"

namespace llmops::command {

namespace {

// The expectations of a recipe against the last values of its metrics.
struct Judgement {
  std::vector<std::string> failed;   // one line for each that does not hold
  std::vector<std::string> unknown;  // one line for each whose metric has no value
};

Judgement judge(const recipe::Recipe& recipe, const LastValues& values) {
  Judgement judgement;
  for (const std::string& text : recipe.expect) {
    const recipe::Expectation expectation = recipe::parse_expectation(text);
    const auto found = values.find(expectation.metric);
    if (found == values.end()) {
      judgement.unknown.push_back(
          fmt::format("expected {}; the run has no value of {}", text, expectation.metric));
    } else if (!expectation.holds(found->second.value)) {
      judgement.failed.push_back(
          fmt::format("expected {}; it is {}", text, format_double(found->second.value)));
    }
  }
  return judgement;
}

void print_losses(const Invocation& invocation, const TrainHost& host) {
  if (host.losses().size() <= 2) return;
  track::PlotOptions options;
  options.width = 72;
  options.height = 10;
  options.color = invocation.color(invocation.err);
  const track::Curve curve{std::string(recipe::kTrainLoss), host.losses()};
  tell(invocation.err, "\n{}\n", track::braille_plot({curve}, options));
}

}  // namespace

void conclude(engine::TrainResult& result, const recipe::Recipe& recipe, const LastValues& values) {
  if (result.code == ExitCode::kTerminated) {
    result.code = stop_exit_code();
    result.reason = fmt::format("stopped by {}", stop_signal_name());
  }
  if (result.code != ExitCode::kOk) return;
  const Judgement judgement = judge(recipe, values);
  if (judgement.failed.empty() && judgement.unknown.empty()) return;
  const bool fails = !judgement.failed.empty();
  result.code = fails ? ExitCode::kGateFailed : ExitCode::kInconclusive;
  result.reason = join(fails ? judgement.failed : judgement.unknown, "; ");
}

engine::TrainResult finished_result(const recipe::Recipe& recipe, const ResumePoint& point,
                                    const LastValues& values) {
  engine::TrainResult result;
  result.step = point.step;
  result.checkpoint = *point.checkpoint;
  const checkpoint::TrainState state = checkpoint::read_train_state(*point.checkpoint);
  result.total_tokens = state.tokens;
  if (!state.best.empty()) {
    result.best_checkpoint = join_path(parent_path(*point.checkpoint),
                                       checkpoint::checkpoint_name(state.best.front().step));
  }
  if (values.empty() && !recipe.expect.empty()) {
    result.code = ExitCode::kInconclusive;
    result.reason = "the run has finished and its metrics are not in this store: expect is unknown";
  }
  conclude(result, recipe, values);
  return result;
}

void print_profile(const Invocation& invocation, const engine::TrainResult& result,
                   const std::string& trace_path) {
  const Json& profile = result.profile;
  if (!profile.is_object()) return;
  const double step = profile.at("seconds_per_step").as_double();
  tell(invocation.err, "\n{:<24} {:>10}\n", "phase", "ms/step");
  for (const Json& phase : profile.at("phases").as_array()) {
    tell(invocation.err, "{:<24} {:>10.3f}\n", phase.at("name").as_string(),
         1e3 * phase.at("seconds_per_step").as_double());
  }
  tell(invocation.err, "\n{:<24} {:>10} {:>8} {:>8}\n", "kernel", "ms/step", "calls", "share");
  for (const Json& kernel : profile.at("kernels").as_array()) {
    const double seconds = kernel.at("seconds_per_step").as_double();
    tell(invocation.err, "{:<24} {:>10.3f} {:>8.0f} {:>7.1f}%\n", kernel.at("name").as_string(),
         1e3 * seconds, kernel.at("calls_per_step").as_double(),
         step > 0 ? 100 * seconds / step : 0);
  }
  tell(invocation.err, "{:<24} {:>10.3f}\ntrace: {}\n", "step", 1e3 * step, trace_path);
}

void print_ending(const Invocation& invocation, const recipe::Recipe& recipe, const TrainHost& host,
                  const engine::TrainResult& result, const std::string& run_id) {
  std::FILE* err = invocation.err;
  print_losses(invocation, host);
  tell(err, "{} steps, {} tokens in {}\n", result.step,
       format_count(static_cast<double>(result.total_tokens)), format_seconds(result.seconds));
  if (result.checkpoint.empty()) return;
  const bool by_signal = static_cast<int>(result.code) > 128;
  if (by_signal || result.code == ExitCode::kBudgetSpent) {
    tell(err, "saved; rerun with --resume auto to continue\n");
  }
  const std::string model =
      result.best_checkpoint.empty() ? result.checkpoint : result.best_checkpoint;
  tell(err, "\nNext:\n  llmops generate {} \"Once\"\n", printable(model));
  if (!run_id.empty()) tell(err, "  llmops track show {}\n", run_id.substr(0, 10));
  if (!recipe.data.eval.empty() && !recipe.data.eval[0].path.empty()) {
    tell(err, "  llmops eval --model {} --data {}\n", printable(model),
         printable(recipe.data.eval[0].path));
  }
}

ExitCode print_result(const TrainOptions& options, const Invocation& invocation,
                      const engine::TrainResult& result, const std::string& run_id) {
  if (options.json) {
    const Json line = Json::object()
                          .set("run", run_id)
                          .set("checkpoint", result.checkpoint)
                          .set("best_checkpoint", result.best_checkpoint)
                          .set("step", result.step)
                          .set("tokens", result.total_tokens)
                          .set("seconds", result.seconds)
                          .set("exit_code", static_cast<int>(result.code))
                          .set("reason", result.reason)
                          .set("profile", result.profile);
    fmt::print(invocation.out, "{}\n", line.dump());
  } else {
    fmt::print(invocation.out, "{} {}\n", run_id, printable(result.checkpoint));
  }
  if (result.code != ExitCode::kOk) throw Error(result.code, result.reason);
  return result.code;
}

}  // namespace llmops::command
