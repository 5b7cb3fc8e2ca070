#include "tensor/train/step.h"

#include <ATen/TensorOperators.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "arch/freeze.h"
#include "tests/catch.h"
#include "tests/unit/tensor/compare.h"
#include "tests/unit/tensor/train/tiny.h"

namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 7;

struct Run {
  Run(const arch::TransformerConfig& config, const plan::Plan& of, bool bf16 = false,
      double ema_decay = 0)
      : Run(config, of, bf16, ema_decay, arch::parameter_layout(config), {}) {}
  Run(const arch::TransformerConfig& config, const plan::Plan& of, bool bf16, double ema_decay,
      const arch::ParameterLayout& layout, const std::vector<bool>& bf16_in_files)
      : plan(of),
        weights(config, layout, bf16_in_files, at::Device(at::kCPU), bf16),
        step(plan, optimizer(), 1.0, ema_decay, weights) {
    weights.initialize(kSeed);
  }
  static recipe::Optimizer optimizer() {
    recipe::Optimizer settings;
    settings.betas = {0.9, 0.99};
    return settings;
  }
  // The gradients of a whole step.
  void accumulate(const data::Batch& batch, double scale) {
    for (std::int64_t pass = 0; pass < plan.accumulation; ++pass) {
      std::vector<data::Batch> parts;
      for (int shard = 0; shard < plan.shards; ++shard) {
        const plan::RowRange range = plan::rows_of_pass(plan, batch.rows, shard, pass);
        parts.push_back(rows_of(batch, range.first, range.count));
      }
      REQUIRE(step.accumulate(parts, pass, {.rows = batch.rows, .scale = scale, .seed = kSeed}));
    }
  }
  ParameterTensors values() const {
    ParameterTensors copies;
    for (const Tensor& value : weights.values()) copies.push_back(value.clone());
    return copies;
  }
  StepValues train(const data::Batch& batch, double rate) {
    accumulate(batch, 1.0 / static_cast<double>(batch.supervised_tokens));
    return step.update(rate);
  }

  plan::Plan plan;
  Weights weights;
  TrainStep step;
};

// The gradients of a step of the batch, `rows` rows at a time.
Tensor gradients(const arch::TransformerConfig& config, const data::Batch& batch, std::int64_t rows,
                 int shards = 1) {
  Run run(config, tiny_plan(rows, batch.length, shards, (batch.rows + rows - 1) / rows));
  run.accumulate(batch, 1.0 / static_cast<double>(batch.supervised_tokens));
  run.step.reduce();
  return run.step.gradients().clone();
}

}  // namespace

TEST_CASE("one batch is learned by heart") {
  for (const auto& config : {tiny_gpt2(), tiny_llama()}) {
    CAPTURE(config.family);
    const data::Batch batch = tiny_batch(4, 12, 1);
    Run run(config, tiny_plan(4, 12));
    double loss = 0;
    for (int i = 0; i < 300; ++i) {
      loss = run.train(batch, 1e-2).loss_sum / static_cast<double>(batch.supervised_tokens);
    }
    CHECK(loss < 0.05);
  }
}

TEST_CASE("the bits of gradients do not depend on how many rows are computed at a time") {
  for (const std::int64_t length : {12, 7}) {
    const data::Batch batch = tiny_batch(8, length, 2);
    for (arch::TransformerConfig config : {tiny_gpt2(), tiny_llama()}) {
      config.dropout = 0.1;
      for (const int shards : {1, 2}) {
        CAPTURE(config.family, length, shards);
        const Tensor whole = gradients(config, batch, 8, shards);
        for (const std::int64_t rows : {4, 3, 2, 1}) {
          CAPTURE(rows);
          CHECK(gradients(config, batch, rows, shards).equal(whole));
        }
      }
    }
  }
}

// Sums of float32 in another order: 1e-6 of the largest gradient (measured: 3e-7).
TEST_CASE("gradients do not depend on the shards, nor do dropout's masks") {
  const data::Batch batch = tiny_batch(5, 12, 3);
  arch::TransformerConfig config = tiny_gpt2();
  config.dropout = 0.2;
  const Tensor whole = gradients(config, batch, 5);
  CHECK(difference(gradients(config, batch, 5, 2), whole) < 1e-6);
}

TEST_CASE("two runs of the same steps give the same bits") {
  const data::Batch batch = tiny_batch(6, 12, 4);
  for (int shards : {1, 2}) {
    Run a(tiny_gpt2(), tiny_plan(6, 12, shards)), b(tiny_gpt2(), tiny_plan(6, 12, shards));
    for (int i = 0; i < 5; ++i) {
      a.train(batch, 1e-3);
      b.train(batch, 1e-3);
    }
    CHECK(a.weights.flat().equal(b.weights.flat()));
  }
}

TEST_CASE("documents packed into one row have the gradients of documents in rows of their own") {
  const data::Batch alone = tiny_batch(3, 4, 5);
  data::Batch packed = alone;
  packed.rows = 1;
  packed.length = 12;
  packed.segmented = true;
  for (std::size_t i = 0; i < 12; ++i) {
    packed.segment_start[i] = static_cast<std::int32_t>(i / 4 * 4);
  }
  for (const auto& config : {tiny_gpt2(), tiny_llama()}) {
    CAPTURE(config.family);
    CHECK(difference(gradients(config, packed, 1), gradients(config, alone, 3)) < 1e-6);
  }
}

TEST_CASE("padding at the end of a row changes nothing") {
  const data::Batch plain = tiny_batch(2, 8, 6);
  data::Batch padded;
  padded.rows = 2;
  padded.length = 12;
  for (std::int64_t b = 0; b < 2; ++b) {
    for (std::int64_t t = 0; t < 12; ++t) {
      const auto at = static_cast<std::size_t>(b * 8 + t);
      padded.inputs.push_back(t < 8 ? plain.inputs[at] : 3);
      padded.targets.push_back(t < 8 ? plain.targets[at] : data::kIgnore);
      padded.positions.push_back(static_cast<std::int32_t>(t));
      padded.segment_start.push_back(0);
    }
  }
  padded.supervised_tokens = plain.supervised_tokens;
  for (const auto& config : {tiny_gpt2(), tiny_llama()}) {
    CAPTURE(config.family);
    CHECK(difference(gradients(config, padded, 2), gradients(config, plain, 2)) < 1e-6);
  }
}

TEST_CASE("a step that is not finite changes nothing and the next one goes on") {
  const data::Batch batch = tiny_batch(4, 12, 7);
  Run run(tiny_gpt2(), tiny_plan(4, 12)), clean(tiny_gpt2(), tiny_plan(4, 12));
  run.train(batch, 1e-3);
  clean.train(batch, 1e-3);
  const Tensor before = run.weights.flat().clone();

  run.accumulate(batch, std::numeric_limits<double>::infinity());
  const StepValues bad = run.step.update(1e-3);
  CHECK_FALSE(bad.applied);
  CHECK(run.weights.flat().equal(before));

  CHECK(run.train(batch, 1e-3).applied);
  clean.train(batch, 1e-3);
  CHECK(run.weights.flat().equal(clean.weights.flat()));
  CHECK(run.step.updates().item<double>() == 2);
}

// Runs of a step, with everything and without what is frozen, which both have in bfloat16 when the
// files do.
void check_frozen(const arch::TransformerConfig& config, const std::vector<std::string>& freeze,
                  bool bf16, bool bf16_files) {
  CAPTURE(config.family, freeze.front(), freeze.size(), bf16, bf16_files);
  const data::Batch batch = tiny_batch(4, 12, 9);
  plan::Plan plan = tiny_plan(4, 12, bf16 ? 1 : 2);
  plan.precision = bf16 ? plan::Precision::kBf16Mixed : plan::Precision::kFp32;
  Run full(config, plan, bf16);
  const arch::ParameterLayout layout = arch::frozen_layout(config, freeze);
  plan.embedding_trains = layout.find(arch::Part::kTokenEmbedding)->trains;
  Run frozen(config, plan, bf16, 0, layout,
             std::vector<bool>(layout.parameters.size(), bf16_files));
  const auto before = frozen.values();
  for (std::size_t i = 0; i < before.size(); ++i) full.weights.values()[i].copy_(before[i]);
  full.weights.refresh_compute();
  for (Run* run : {&full, &frozen}) {
    run->accumulate(batch, 1.0 / static_cast<double>(batch.supervised_tokens));
    run->step.reduce();
  }
  const auto want = views(full.weights.layout(), full.step.gradients());
  const auto got = views(layout, frozen.step.gradients());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(layout.parameters[i].name);
    REQUIRE(got[i].defined() == layout.parameters[i].trains);
    if (got[i].defined()) CHECK(got[i].equal(want[i]));
  }
  REQUIRE(frozen.step.update(1e-2).applied);
  const auto after = frozen.values();
  for (std::size_t i = 0; i < after.size(); ++i) {
    CHECK(after[i].equal(before[i]) == !layout.parameters[i].trains);
  }
}

TEST_CASE("what trains has the gradients of full training, and what is frozen stays as it is") {
  const std::vector<std::vector<std::string>> of_gpt2 = {
      {"transformer.h.0.*"},                            // a layer between others
      {"transformer.w?e.weight", "transformer.h.0.*"},  // nothing below the last layer
      {"*.weight"},                                     // all but biases
      {"transformer.w?e.weight", "transformer.h.*"},    // all but the last norm
      {"transformer.wte.weight"}};                      // the tied embedding
  const std::vector<std::vector<std::string>> of_llama = {
      {"model.layers.*.mlp.*"}, {"model.*"}, {"lm_head.weight", "model.embed_tokens.weight"}};
  for (const char* table : {"cpu", "aten"}) {
    CAPTURE(table);
    ::setenv("LLMOPS_KERNELS", table, 1);
    for (const bool bf16 : {false, true}) {
      for (const bool bf16_files : {false, true}) {
        for (const auto& freeze : of_gpt2) check_frozen(tiny_gpt2(), freeze, bf16, bf16_files);
        for (const auto& freeze : of_llama) check_frozen(tiny_llama(), freeze, bf16, bf16_files);
      }
    }
  }
  ::unsetenv("LLMOPS_KERNELS");
}

TEST_CASE("first weights are what the configuration says") {
  arch::TransformerConfig config = tiny_gpt2();
  config.initializer_range = 0;
  Run run(config, tiny_plan(1, 4));
  for (std::size_t i = 0; i < run.weights.values().size(); ++i) {
    const arch::Parameter& p = run.weights.layout().parameters[i];
    CAPTURE(p.name);
    const bool scale = p.name.find("norm") != std::string::npos && !p.bias;
    CHECK(run.weights.values()[i].eq(scale ? 1 : 0).all().item<bool>());
  }
}

TEST_CASE("bf16-mixed stays within 2 % of fp32 over 200 steps, with both tables") {
  for (const char* table : {"cpu", "aten"}) {
    ::setenv("LLMOPS_KERNELS", table, 1);
    for (const auto& config : {tiny_gpt2(), tiny_llama()}) {
      CAPTURE(table, config.family);
      plan::Plan plan = tiny_plan(8, 12);
      Run exact(config, plan);
      REQUIRE(std::string(exact.step.kernels().name) == table);
      plan.precision = plan::Precision::kBf16Mixed;
      Run mixed(config, plan, true);
      for (int i = 0; i < 200; ++i) {
        const data::Batch batch = chain_batch(8, 12, static_cast<std::uint64_t>(i));
        const double want = exact.train(batch, 1e-3).loss_sum;
        const double got = mixed.train(batch, 1e-3).loss_sum;
        REQUIRE(std::abs(got - want) <= 0.02 * want);
      }
    }
  }
  ::unsetenv("LLMOPS_KERNELS");
}

TEST_CASE("the average of the weights is the one written by hand") {
  const data::Batch batch = tiny_batch(4, 12, 8);
  Run run(tiny_gpt2(), tiny_plan(4, 12), false, 0.9);
  run.step.reset();  // the average starts at the first weights
  Tensor average = run.weights.flat().to(at::kDouble);
  for (int i = 0; i < 20; ++i) {
    run.train(batch, 1e-2);
    average = 0.9 * average + 0.1 * run.weights.flat().to(at::kDouble);
  }
  CHECK(difference(run.step.average(), average) < 1e-6);
  CHECK(difference(run.step.average(), run.weights.flat()) > 1e-3);
}

}  // namespace llmops::tensor
