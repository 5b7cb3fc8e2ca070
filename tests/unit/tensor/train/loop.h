#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tensor/train/trainer.h"
#include "tests/unit/tensor/train/tiny.h"

namespace llmops::tensor {

// An endless text of chain_batch(), where some rows follow another rule or have no targets.
class ChainSource final : public data::BatchSource {
 public:
  using Numbers = std::set<std::int64_t>;
  ChainSource(std::int64_t length, Numbers bad, Numbers empty)
      : length_(length), bad_(std::move(bad)), empty_(std::move(empty)) {}
  std::int64_t rows_per_epoch() const override { return 1000; }
  std::int64_t tokens_per_epoch() const override { return 1000 * length_; }
  void read(std::int64_t first, std::int64_t count, data::Batch& batch) const override {
    batch = {};
    batch.length = length_;
    for (std::int64_t row = first; row < first + count; ++row) append(row, batch);
  }

 private:
  void append(std::int64_t number, data::Batch& batch) const {
    data::Batch row = chain_batch(1, length_, static_cast<std::uint64_t>(number));
    for (std::int32_t& target : row.targets) {
      if (bad_.contains(number)) target = (target + 11) % 29;
      if (empty_.contains(number)) target = data::kIgnore;
    }
    const auto add = [](std::vector<std::int32_t>& to, const std::vector<std::int32_t>& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    ++batch.rows;
    add(batch.inputs, row.inputs);
    add(batch.targets, row.targets);
    add(batch.positions, row.positions);
    add(batch.segment_start, row.segment_start);
    if (!empty_.contains(number)) batch.supervised_tokens += length_;
  }

  std::int64_t length_;
  Numbers bad_, empty_;
};

class ChainData final : public data::Dataset {
 public:
  ChainSource::Numbers bad, empty;  // rows

  const tokenizer::Tokenizer& tokenizer() const override { return *tokenizer_; }
  const std::vector<data::SourceCount>& train_counts() const override { return counts_; }
  const std::vector<data::SourceCount>& eval_counts() const override { return counts_; }
  std::string digest() const override { return "chain"; }
  bool has_eval() const override { return true; }
  std::unique_ptr<data::BatchSource> train_batches() const override {
    return std::make_unique<ChainSource>(12, bad, empty);
  }
  std::unique_ptr<data::BatchSource> eval_batches() const override {
    return std::make_unique<ChainSource>(12, ChainSource::Numbers{}, ChainSource::Numbers{});
  }
  const std::vector<std::int64_t>& eval_document_starts() const override { return starts_; }
  std::int64_t eval_row_start(std::int64_t) const override { return 0; }

 private:
  std::unique_ptr<tokenizer::Tokenizer> tokenizer_ =
      tokenizer::make_char_tokenizer("abcdefghijklmnopqrstuvwxyz012");
  std::vector<data::SourceCount> counts_;
  std::vector<std::int64_t> starts_ = {0};
};

// Keeps what the loop says, and asks of it what a test sets.
class Host final : public engine::TrainHost {
 public:
  std::vector<engine::StepReport> reports;
  std::vector<std::string> events;  // codes
  std::vector<std::int64_t> saved, evaluated, sampled, rolled_back_to;
  std::function<double(std::int64_t)> eval_loss = [](std::int64_t) { return 1.0; };
  std::function<double(std::int64_t)> average_loss = eval_loss;
  std::int64_t stop_at = -1;
  // Stops within the step after this one, when so many questions were asked in it.
  std::int64_t stop_within = -1, stop_after_questions = 0;
  std::set<std::int64_t> save_at;

  void report(const engine::StepReport& report) override { reports.push_back(report); }
  void event(std::string_view, std::string_view code, std::int64_t, std::string_view) override {
    events.emplace_back(code);
  }
  void sample(std::int64_t step, std::string_view, std::string_view) override {
    sampled.push_back(step);
  }
  void flush(std::int64_t) override {}
  void checkpoint_saved(const std::string&, std::int64_t step) override { saved.push_back(step); }
  engine::EvalVerdict evaluate(engine::Model&, std::int64_t step,
                               std::string_view prefix) override {
    if (prefix == "eval/") evaluated.push_back(step);
    const double loss = prefix == "eval/" ? eval_loss(step) : average_loss(step);
    return {{{std::string(prefix) + "loss", loss}}, true};
  }
  void rolled_back(std::int64_t step) override { rolled_back_to.push_back(step); }
  bool stop_requested() override {
    if (step() == stop_within) return ++questions_ > stop_after_questions;
    return step() == stop_at;
  }
  bool take_save_request() override { return save_at.erase(step()) > 0; }

 private:
  std::int64_t step() const { return reports.empty() ? 0 : reports.back().step; }

  std::atomic<std::int64_t> questions_ = 0;
};

// A run of a tiny model on the chain: steps of 8 rows, 4 at a time.
inline engine::TrainJob chain_job(const data::Dataset& dataset, const std::string& output_dir,
                                  std::int64_t steps, int shards = 1) {
  engine::TrainJob job;
  job.config = tiny_llama();
  job.plan = tiny_plan(4, 12, shards, 2);
  job.plan.total_steps = steps;
  job.plan.warmup_steps = 3;
  job.plan.flops_per_token = 1;
  job.dataset = &dataset;
  job.output_dir = output_dir;
  job.recipe.train.device = "cpu";
  job.recipe.checkpoint.save_steps = 0;
  job.recipe.checkpoint.keep_best = 0;
  job.recipe.eval.at_end = false;
  return job;
}

inline engine::TrainResult train(engine::TrainJob job, Host& host) {
  return make_trainer(std::move(job))->run(host);
}

}  // namespace llmops::tensor
