#include "command/train_outcome.h"

#include <fmt/format.h>

#include "base/text.h"
#include "command/tell.h"
#include "recipe/expect.h"
#include "recipe/metrics.h"
#include "track/plot.h"

namespace llmops::command {

Judgement judge_expectations(const recipe::Recipe& recipe, const LastValues& values) {
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

void print_ending(const Invocation& invocation, const TrainSetup& setup, const TrainHost& host,
                  const engine::TrainResult& result, const std::string& run_id) {
  std::FILE* err = invocation.err;
  if (host.losses().size() > 2) {
    track::PlotOptions options;
    options.width = 72;
    options.height = 10;
    options.color = invocation.color(err);
    tell(err, "\n{}\n",
         track::braille_plot({{std::string(recipe::kTrainLoss), host.losses()}}, options));
  }
  tell(err, "{} steps, {} tokens in {}\n", result.step,
       format_count(static_cast<double>(result.total_tokens)), format_seconds(result.seconds));
  if (result.checkpoint.empty()) return;
  const int code = static_cast<int>(result.code);
  const bool goes_on = result.code == ExitCode::kBudgetSpent || code > 128;  // time, or a signal
  if (goes_on) tell(err, "saved; the same command with --resume auto goes on\n");
  const std::string model =
      result.best_checkpoint.empty() ? result.checkpoint : result.best_checkpoint;
  tell(err, "\nNext:\n  llmops generate {} \"Once\"\n", printable(model));
  if (!run_id.empty()) tell(err, "  llmops track show {}\n", run_id.substr(0, 10));
  if (!setup.recipe().data.eval.empty() && !setup.recipe().data.eval[0].path.empty()) {
    tell(err, "  llmops eval --model {} --data {}\n", printable(model),
         printable(setup.recipe().data.eval[0].path));
  }
}

}  // namespace llmops::command
