#include "tensor/train/trainer.h"

#include <algorithm>
#include <limits>

#include "checkpoint/checkpoint.h"
#include "tests/catch.h"
#include "tests/temporary_directory.h"
#include "tests/unit/tensor/train/loop.h"

namespace llmops::tensor {

namespace {

using Steps = std::vector<std::int64_t>;

// What two checkpoints of equal runs share: every file's digest, and the trainer's state but for
// the seconds it took.
std::string content(const std::string& folder) {
  std::string all;
  for (const auto& [name, entry] : checkpoint::read_manifest(folder).files) {
    if (name != "state/trainer.json") all += name + " " + entry.sha256 + "\n";
  }
  Json trainer = load_json(join_path(folder, "state/trainer.json"));
  trainer.set("seconds", 0.0);
  return all + trainer.dump();
}

Steps checkpoints(const std::string& output_dir) {
  Steps steps;
  for (const auto& found : checkpoint::list_checkpoints(output_dir)) steps.push_back(found.step);
  std::sort(steps.begin(), steps.end());
  return steps;
}

}  // namespace

TEST_CASE("a run that is stopped and resumed ends with the bits of one that is not") {
  const ChainData data;
  for (const bool bf16 : {false, true}) {
    for (const int shards : {1, 2}) {
      for (const auto& config : {tiny_gpt2(), tiny_llama()}) {
        CAPTURE(bf16, shards, config.family);
        const TemporaryDirectory whole, parts;
        const auto job = [&](const std::string& folder) {
          engine::TrainJob made = chain_job(data, folder, 12, shards);
          made.config = config;
          made.config.dropout = 0.1;
          made.recipe.train.ema_decay = 0.9;
          if (bf16) made.plan.precision = plan::Precision::kBf16Mixed;
          return made;
        };
        Host straight;
        const engine::TrainResult want = train(job(whole.path()), straight);
        REQUIRE(want.code == ExitCode::kOk);

        Host first, second;
        first.stop_at = 5;
        const engine::TrainResult stopped = train(job(parts.path()), first);
        CHECK(stopped.code == ExitCode::kTerminated);
        CHECK(stopped.step == 5);
        engine::TrainJob rest = job(parts.path());
        rest.resume_from = stopped.checkpoint;
        const engine::TrainResult got = train(std::move(rest), second);
        CHECK(got.step == 12);
        CHECK(got.total_tokens == want.total_tokens);
        CHECK(content(got.checkpoint) == content(want.checkpoint));
        REQUIRE(second.reports.size() == 7);
        for (std::size_t i = 0; i < 7; ++i) {
          CHECK(second.reports[i].loss == straight.reports[i + 5].loss);
          CHECK(second.reports[i].grad_norm == straight.reports[i + 5].grad_norm);
          CHECK(second.reports[i].learning_rate == straight.reports[i + 5].learning_rate);
        }
      }
    }
  }
}

TEST_CASE("a save that is asked for is made once and changes nothing of the run") {
  const ChainData data;
  const TemporaryDirectory plain, saving;
  Host quiet, host;
  host.save_at = {3};
  const auto want = train(chain_job(data, plain.path(), 6), quiet);
  const auto got = train(chain_job(data, saving.path(), 6), host);
  CHECK(host.saved == Steps{3, 6});
  CHECK_FALSE(checkpoint::verify(join_path(saving.path(), "checkpoint-3")));
  CHECK(content(got.checkpoint) == content(want.checkpoint));
}

TEST_CASE("training ends when evaluation has not gained for the patience") {
  const ChainData data;
  const TemporaryDirectory folder;
  engine::TrainJob job = chain_job(data, folder.path(), 100);
  job.recipe.eval.eval_steps = 2;
  job.recipe.eval.early_stopping_patience = 2;
  job.recipe.eval.early_stopping_min_delta = 0.1;
  Host host;
  // 1.0 at 2, then a real gain at 4, then gains too small to count.
  host.eval_loss = [](std::int64_t step) {
    return step < 4 ? 1.0 : 0.5 - 0.001 * static_cast<double>(step);
  };
  const auto result = train(std::move(job), host);
  CHECK(result.code == ExitCode::kOk);
  CHECK(result.reason == "early stopping");
  CHECK(result.step == 8);
  CHECK(host.evaluated == Steps{2, 4, 6, 8});
  CHECK(result.checkpoint == join_path(folder.path(), "checkpoint-8"));
}

TEST_CASE("the best checkpoints by evaluation stay beside the newest") {
  const ChainData data;
  const TemporaryDirectory folder;
  engine::TrainJob job = chain_job(data, folder.path(), 10);
  job.recipe.eval.eval_steps = 2;
  job.recipe.checkpoint.save_steps = 1;
  job.recipe.checkpoint.keep_last = 1;
  job.recipe.checkpoint.keep_best = 2;
  Host host;
  host.eval_loss = [](std::int64_t step) { return step == 4 ? 0.1 : step == 2 ? 0.2 : 1.0; };
  const auto result = train(std::move(job), host);
  CHECK(checkpoints(folder.path()) == Steps{2, 4, 10});
  CHECK(result.best_checkpoint == join_path(folder.path(), "checkpoint-4"));
  CHECK(result.checkpoint == join_path(folder.path(), "checkpoint-10"));
}

TEST_CASE("what is best may be judged by the average of the weights") {
  const ChainData data;
  const TemporaryDirectory folder;
  engine::TrainJob job = chain_job(data, folder.path(), 6);
  job.recipe.train.ema_decay = 0.9;
  job.recipe.eval.eval_steps = 2;
  job.recipe.checkpoint.keep_best = 1;
  job.recipe.checkpoint.metric = "eval/ema_loss";
  Host host;
  host.average_loss = [](std::int64_t step) { return step == 4 ? 0.1 : 1.0; };
  const auto result = train(std::move(job), host);
  CHECK(result.best_checkpoint == join_path(folder.path(), "checkpoint-4"));
}

TEST_CASE("evaluation and samples come at their steps, at the start and at the end") {
  const ChainData data;
  const TemporaryDirectory folder;
  engine::TrainJob job = chain_job(data, folder.path(), 7);
  job.recipe.eval.eval_steps = 3;
  job.recipe.eval.at_start = job.recipe.eval.at_end = true;
  job.recipe.generate.every_steps = 4;
  job.recipe.generate.count = 1;
  job.recipe.generate.max_tokens = 5;
  Host host;
  train(std::move(job), host);
  CHECK(host.evaluated == Steps{0, 3, 6, 7});
  CHECK(host.sampled == Steps{4, 7});
}

TEST_CASE("samples that cannot be made are one warning; the others are shown, the run continues") {
  const ChainData data;
  for (const char* prompt : {"\xC3\x84", "aaaaaaaaaaaaaaaa"}) {  // no such character; no room
    const TemporaryDirectory folder;
    engine::TrainJob job = chain_job(data, folder.path(), 4);
    job.recipe.generate.every_steps = 2;
    job.recipe.generate.count = 3;
    job.recipe.generate.prompts = {"a", prompt};
    Host host;
    const engine::TrainResult result = train(std::move(job), host);
    CHECK(result.code == ExitCode::kOk);
    CHECK(result.step == 4);
    CHECK(host.events == std::vector<std::string>{"no_sample", "no_sample"});
    CHECK(host.sampled == Steps{2, 2, 4, 4});  // "a" twice
    CHECK(checkpoints(folder.path()) == Steps{4});
  }
}

TEST_CASE("a sample has only ids that the tokenizer has") {
  const ChainData data;
  const TemporaryDirectory folder;
  engine::TrainJob job = chain_job(data, folder.path(), 1);
  job.config.vocab_size = 1000;
  job.recipe.seed = std::numeric_limits<std::int64_t>::max();
  job.recipe.generate.count = 4;
  job.recipe.generate.max_tokens = 50;
  job.recipe.generate.temperature = 100;
  Host host;
  CHECK(train(std::move(job), host).code == ExitCode::kOk);
  CHECK(host.events.empty());
  CHECK(host.sampled == Steps{1, 1, 1, 1});
}

TEST_CASE("after losses that stay high the run goes back to a checkpoint from before them") {
  ChainData data;
  // Steps 41 to 43 read these.
  for (std::int64_t row = 320; row < 344; ++row) data.bad.insert(row);
  const TemporaryDirectory folder;
  engine::TrainJob job = chain_job(data, folder.path(), 50);
  job.recipe.optimizer.learning_rate = 1e-2;
  job.recipe.checkpoint.save_steps = 1;
  job.recipe.guard.window = 32;
  job.recipe.guard.spike_zscore = 4;
  Host host;
  const auto result = train(std::move(job), host);
  CHECK(result.code == ExitCode::kOk);
  CHECK(result.step == 50);
  CHECK(host.events ==
        std::vector<std::string>{"loss_spike", "loss_spike", "loss_spike", "rollback"});
  CHECK(host.rolled_back_to == Steps{40});
  REQUIRE(host.reports.size() == 53);
  CHECK(host.reports[43].step == 41);
  CHECK(std::count(host.saved.begin(), host.saved.end(), 41) == 1);
}

TEST_CASE("a run that blows up ends as diverged and saves nothing that is not finite") {
  const ChainData data;
  const TemporaryDirectory folder;
  engine::TrainJob job = chain_job(data, folder.path(), 100);
  job.recipe.optimizer.learning_rate = 1e30;
  job.recipe.checkpoint.save_steps = 1;
  job.recipe.guard.max_rollbacks = 2;
  Host host;
  const auto result = train(std::move(job), host);
  CHECK(result.code == ExitCode::kDiverged);
  CHECK(host.rolled_back_to.size() == 2);
  CHECK(std::count(host.events.begin(), host.events.end(), "non_finite") >= 9);
  for (const engine::StepReport& report : host.reports) {
    const bool finite = std::isfinite(report.loss) && std::isfinite(report.grad_norm);
    CHECK(report.outcome ==
          (finite ? engine::StepOutcome::kUpdated : engine::StepOutcome::kNotFinite));
  }
  for (const auto& found : checkpoint::list_checkpoints(folder.path())) {
    CHECK_FALSE(checkpoint::verify(found.path));
  }
}

namespace {

// 30 rows in steps of 8, so that the last has 6, taken `micro` at a time.
engine::TrainJob uneven_job(const data::Dataset& data, const std::string& folder,
                            std::int64_t micro, int shards) {
  engine::TrainJob job = chain_job(data, folder, 4, shards);
  job.config.dropout = 0.1;
  job.plan.total_rows = 30;
  job.plan.shard_rows = (micro + shards - 1) / shards;
  job.plan.accumulation = (8 / shards + job.plan.shard_rows - 1) / job.plan.shard_rows;
  return job;
}

}  // namespace

TEST_CASE("8 x 1, 4 x 2 and 1 x 8 rows give the same bits, with dropout and an uneven tail") {
  const ChainData data;
  for (const int shards : {1, 2}) {
    std::string want;
    for (const std::int64_t micro : {8, 4, 3, 1}) {
      CAPTURE(shards, micro);
      const TemporaryDirectory folder;
      Host host;
      const auto result = train(uneven_job(data, folder.path(), micro, shards), host);
      CHECK(result.step == 4);
      CHECK(host.reports.back().tokens == 6 * 12);
      CHECK(load_json(join_path(result.checkpoint, "state/trainer.json")).at("rows").as_int() ==
            30);
      const std::string weights =
          checkpoint::read_manifest(result.checkpoint).files.at("model.safetensors").sha256;
      if (want.empty()) want = weights;
      CHECK(weights == want);
    }
  }
}

TEST_CASE("a run resumes with half the micro batch and reads the same rows to the same bits") {
  const ChainData data;
  const TemporaryDirectory whole, parts;
  Host straight, first, second;
  const auto want = train(uneven_job(data, whole.path(), 8, 2), straight);
  first.stop_at = 2;
  const auto stopped = train(uneven_job(data, parts.path(), 8, 2), first);
  engine::TrainJob rest = uneven_job(data, parts.path(), 4, 2);
  rest.resume_from = stopped.checkpoint;
  const auto got = train(std::move(rest), second);
  const auto digest = [](const std::string& folder) {
    return checkpoint::read_manifest(folder).files.at("model.safetensors").sha256;
  };
  CHECK(got.total_tokens == want.total_tokens);
  CHECK(digest(got.checkpoint) == digest(want.checkpoint));
}

TEST_CASE("a run whose last step was short goes further for exactly the rows that are left") {
  const ChainData data;
  const TemporaryDirectory folder;
  Host first, second;
  const auto ended = train(uneven_job(data, folder.path(), 8, 1), first);
  engine::TrainJob further = uneven_job(data, folder.path(), 8, 1);
  further.plan.total_rows = 60;
  further.plan.total_steps = 8;
  further.resume_from = ended.checkpoint;
  const auto got = train(std::move(further), second);
  CHECK(got.total_tokens == 60 * 12);
  CHECK(got.step == 8);
  CHECK(second.reports.front().tokens == 8 * 12);
  CHECK(second.reports.back().tokens == 6 * 12);
}

TEST_CASE("a stop within a step gives the step up and saves the state before it") {
  const ChainData data;
  const TemporaryDirectory whole, parts;
  Host straight;
  const auto want = train(chain_job(data, whole.path(), 6), straight);
  // Between the layers of the first pass, within the backward pass, and in the second pass.
  for (const std::int64_t questions : {1, 2, 4, 7, 10}) {
    CAPTURE(questions);
    const TemporaryDirectory folder;
    Host first, second;
    first.stop_within = 3;
    first.stop_after_questions = questions;
    const auto stopped = train(chain_job(data, folder.path(), 6), first);
    CHECK(stopped.code == ExitCode::kTerminated);
    CHECK(stopped.step == 3);
    engine::TrainJob rest = chain_job(data, folder.path(), 6);
    rest.resume_from = stopped.checkpoint;
    CHECK(content(train(std::move(rest), second).checkpoint) == content(want.checkpoint));
  }
}

TEST_CASE("a step without targets is reported as such and changes no weight") {
  ChainData data;
  for (std::int64_t row = 8; row < 16; ++row) data.empty.insert(row);
  const TemporaryDirectory folder;
  engine::TrainJob job = chain_job(data, folder.path(), 3);
  job.recipe.checkpoint.save_steps = 1;
  job.recipe.checkpoint.keep_last = 3;
  Host host;
  train(std::move(job), host);
  CHECK(host.reports[0].outcome == engine::StepOutcome::kUpdated);
  CHECK(host.reports[1].outcome == engine::StepOutcome::kNoTargets);
  CHECK(host.reports[2].outcome == engine::StepOutcome::kUpdated);
  const auto digest = [&](const char* name) {
    const std::string path = join_path(folder.path(), name);
    return checkpoint::read_manifest(path).files.at("model.safetensors").sha256;
  };
  CHECK(digest("checkpoint-1") == digest("checkpoint-2"));
  CHECK(digest("checkpoint-3") != digest("checkpoint-2"));
}

TEST_CASE("a stop amid bad steps saves a state that no rollback returns to") {
  ChainData data;
  for (std::int64_t row = 320; row < 352; ++row) data.bad.insert(row);
  const TemporaryDirectory folder;
  const auto job = [&] {
    engine::TrainJob made = chain_job(data, folder.path(), 50);
    made.recipe.optimizer.learning_rate = 1e-2;
    made.recipe.checkpoint.save_steps = 40;
    made.recipe.checkpoint.keep_last = 1;
    made.recipe.guard.window = 32;
    made.recipe.guard.spike_zscore = 4;
    made.recipe.guard.patience = 4;
    return made;
  };
  Host first, second;
  first.stop_at = 42;
  const auto stopped = train(job(), first);
  CHECK(stopped.step == 42);
  CHECK(checkpoints(folder.path()) == Steps{40, 42});  // 40 is kept beyond keep_last
  engine::TrainJob rest = job();
  rest.resume_from = stopped.checkpoint;
  const auto result = train(std::move(rest), second);
  CHECK(second.rolled_back_to == Steps{40});
  CHECK(result.step == 50);
}

TEST_CASE("after a rollback the best checkpoint is one that exists") {
  ChainData data;
  for (std::int64_t row = 312; row < 336; ++row) data.bad.insert(row);  // steps 40 to 42
  const TemporaryDirectory folder;
  engine::TrainJob job = chain_job(data, folder.path(), 50);
  job.recipe.optimizer.learning_rate = 1e-2;
  job.recipe.checkpoint.save_steps = 39;
  job.recipe.checkpoint.keep_last = 1;
  job.recipe.checkpoint.keep_best = 1;
  job.recipe.eval.eval_steps = 10;
  job.recipe.guard.window = 32;
  job.recipe.guard.spike_zscore = 4;
  Host host;
  // 30 is the best when 39 is saved; 40 is better and takes its place; then 39 comes back.
  bool is_first = true;
  host.eval_loss = [&is_first](std::int64_t step) {
    if (step == 40) return std::exchange(is_first, false) ? 0.1 : 1.0;
    return step == 30 ? 0.2 : 1.0;
  };
  const auto result = train(std::move(job), host);
  CHECK(host.rolled_back_to == Steps{39});
  CHECK(path_exists(result.best_checkpoint));
}

}  // namespace llmops::tensor
