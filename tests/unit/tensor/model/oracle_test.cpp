#include "tests/unit/tensor/model/oracle.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "tests/unit/tensor/model/models.h"
#include "tests/unit/tensor/model/passes.h"
#include "tests/unit/tensor/tables.h"

namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 20;
constexpr auto kModes = {plan::Recompute::kOff, plan::Recompute::kSelective,
                         plan::Recompute::kFull};

struct Bounds {
  double loss, logits, gradients;
};

// Everything that one table computes for the batch, in every mode and cut, against the formula.
void check_table(const Kernels& kernels, Weights& weights, const data::Batch& batch,
                 const PassContext& dropout, const Reference& want, double scale,
                 const Bounds& bounds) {
  for (const plan::Recompute recompute : kModes) {
    for (int shards = 1; shards <= std::min<std::int64_t>(2, batch.rows); ++shards) {
      CAPTURE(static_cast<int>(recompute), shards);
      const Computed got = compute(kernels, weights, batch, scale, {recompute, shards, dropout});
      CHECK(std::abs(got.loss_sum - want.loss_sum) <= bounds.loss * want.loss_sum);
      CHECK(difference(got.logits, want.logits) <= bounds.logits);
      const Difference worst = worst_difference(weights.layout(), got.gradients, want.gradients);
      INFO("worst gradient: " << worst.where);
      CHECK(worst.relative <= bounds.gradients);
    }
  }
}

void check_model(const NamedConfig& model, const data::Batch& batch, bool bf16, double p,
                 const Bounds& bounds) {
  CAPTURE(kSeed, model.name, batch.rows, batch.length, batch.segmented);
  const PassContext dropout{.dropout = p, .seed = kSeed, .step = 3};
  Weights weights(model.config, at::Device(at::kCPU), bf16);
  randomize(weights, kSeed);
  const double scale = 1.0 / static_cast<double>(batch.supervised_tokens);
  const Reference want = reference(model.config, weights.flat(), batch, scale, dropout);
  with_each_table([&](const Kernels& kernels) {
    check_table(kernels, weights, batch, dropout, want, scale, bounds);
  });
}

// Of each tensor's largest value, float32 against float64; measured: 3e-7, 1.2e-6 and 2.2e-6.
constexpr Bounds kFloat{.loss = 1e-6, .logits = 1e-5, .gradients = 1e-5};
// bfloat16 keeps 8 bits: 0.4 % at each rounding; measured: 0.05 %, 1.7 % and 3.9 %.
constexpr Bounds kBf16{.loss = 2e-3, .logits = 3e-2, .gradients = 6e-2};

}  // namespace

TEST_CASE("logits, loss and every gradient equal autograd's, with every table") {
  for (const NamedConfig& model : every_shape()) {
    check_model(model, random_batch(model.config, 1, 1, kSeed), false, 0, kFloat);
    check_model(model, random_batch(model.config, 3, 7, kSeed), false, 0, kFloat);
    check_model(model, random_batch(model.config, 2, 33, kSeed), false, 0, kFloat);
  }
}

TEST_CASE("packed documents have autograd's gradients, with every table") {
  for (const NamedConfig& model : every_shape()) {
    check_model(model, random_batch(model.config, 3, 29, kSeed, 4), false, 0, kFloat);
  }
}

TEST_CASE("with dropout the gradients are those of the same masks, with every table") {
  for (const NamedConfig& model : every_shape()) {
    check_model(model, random_batch(model.config, 3, 13, kSeed, 2), false, 0.2, kFloat);
  }
}

TEST_CASE("bf16 gradients are autograd's up to bf16's rounding, with every table") {
  for (const NamedConfig& model : every_shape()) {
    check_model(model, random_batch(model.config, 3, 29, kSeed, 2), true, 0, kBf16);
  }
}

}  // namespace llmops::tensor
