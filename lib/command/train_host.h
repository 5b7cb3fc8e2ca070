#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "command/progress.h"
#include "data/dataset.h"
#include "engine/trainer.h"
#include "recipe/recipe.h"
#include "record/run_recorder.h"

namespace llmops::command {

struct LastValue {
  std::int64_t step = 0;
  double value = 0;
};
using LastValues = std::map<std::string, LastValue>;  // by metric

// The program around a training loop: shows progress, records the run, evaluates with the code of
// `llmops eval`, and passes on what signals ask for.
class TrainHost final : public engine::TrainHost {
 public:
  TrainHost(const recipe::Recipe& recipe, const data::Dataset& dataset,
            record::RunRecorder& recorder, Progress& progress);

  void report(const engine::StepReport& report) override;
  void event(std::string_view level, std::string_view code, std::int64_t step,
             std::string_view text) override;
  void sample(std::int64_t step, std::string_view prompt, std::string_view text) override;
  void flush(std::int64_t step) override { recorder_.flush(step); }
  void checkpoint_saved(const std::string& path, std::int64_t step) override;
  engine::EvalVerdict evaluate(engine::Model& model, std::int64_t step,
                               std::string_view prefix) override;
  void rolled_back(std::int64_t step) override;
  bool stop_requested() override;
  bool take_save_request() override;

  // Records one value of a metric that is not of a step.
  void log(std::string_view name, std::int64_t step, double value);
  // Takes what earlier attempts of the run logged last.
  void remember(LastValues values) { last_ = std::move(values); }
  // Prompts that are recorded as another text.
  void record_prompts_as(std::map<std::string, std::string> texts) { prompts_ = std::move(texts); }
  // The newest value of every metric, for `expect`; none of a step that was gone back on.
  const LastValues& last_values() const { return last_; }
  // The texts sampled last, all of one step.
  const std::vector<std::string>& last_samples() const { return samples_; }
  std::int64_t last_sample_step() const { return sample_step_; }
  // (step, loss) of every step that was logged, for the curve at the end.
  const std::vector<std::pair<double, double>>& losses() const { return losses_; }

 private:
  const recipe::Recipe& recipe_;
  const data::Dataset& dataset_;
  record::RunRecorder& recorder_;
  Progress& progress_;
  LastValues last_;
  std::map<std::string, std::string> prompts_;
  std::vector<std::pair<double, double>> losses_;
  std::vector<std::string> samples_;
  std::int64_t sample_step_ = -1;
};

}  // namespace llmops::command
