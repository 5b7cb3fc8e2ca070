#include "tests/unit/tensor/model/golden.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include <cmath>

#include "tests/unit/tensor/tables.h"

namespace llmops::tensor {

namespace {

const auto kModels = {"gpt2", "gpt2_no_bias", "llama", "mistral"};

double scale_of(const Golden& golden) {
  return 1.0 / static_cast<double>(golden.batch.supervised_tokens);
}

Tensor logits_of(const Golden& golden) {
  const Json::Array& values = golden.json.at("logits").as_array();
  Tensor logits = at::empty({golden.batch.rows * golden.batch.length, golden.config.vocab_size});
  REQUIRE(std::ssize(values) == logits.numel());
  for (std::size_t i = 0; i < values.size(); ++i) {
    logits.data_ptr<float>()[i] = static_cast<float>(values[i].as_double());
  }
  return logits;
}

}  // namespace

// 1e-4 of each tensor's largest value: what float32 with other orders of summation leaves, with
// room (measured: below 3e-6).
TEST_CASE("logits, loss and every gradient equal transformers', with every table") {
  for (const std::string name : kModels) {
    Golden golden = load_golden(name);
    const Tensor logits = logits_of(golden);
    const double want = golden.json.at("loss").as_double();
    with_each_table([&](const Kernels& kernels) {
      for (const plan::Recompute recompute :
           {plan::Recompute::kOff, plan::Recompute::kSelective, plan::Recompute::kFull}) {
        CAPTURE(name, static_cast<int>(recompute));
        const double scale = scale_of(golden);
        const Computed got =
            compute(kernels, *golden.weights, golden.batch, scale, {.recompute = recompute});
        CHECK(std::abs(got.loss_sum * scale - want) <= 1e-5 * want);
        CHECK(difference(got.logits, logits) <= 1e-4);
        const Difference worst = gradient_difference(golden, got.gradients);
        INFO("worst gradient: " << worst.where);
        CHECK(worst.relative <= 1e-4);
      }
    });
  }
}

TEST_CASE("recomputation changes no bit of the gradients") {
  for (const std::string name : kModels) {
    Golden golden = load_golden(name);
    with_each_table([&](const Kernels& kernels) {
      CAPTURE(name);
      const auto gradients = [&](plan::Recompute recompute) {
        return compute(kernels, *golden.weights, golden.batch, scale_of(golden),
                       {.recompute = recompute})
            .gradients;
      };
      const Tensor off = gradients(plan::Recompute::kOff);
      CHECK(off.equal(gradients(plan::Recompute::kSelective)));
      CHECK(off.equal(gradients(plan::Recompute::kFull)));
    });
  }
}

}  // namespace llmops::tensor
