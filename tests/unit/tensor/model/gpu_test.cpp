#include "tests/unit/tensor/cuda.h"
#include "tests/unit/tensor/model/models.h"
#include "tests/unit/tensor/model/oracle.h"
#include "tests/unit/tensor/model/passes.h"

namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 60;

void check_on_gpu(bool bf16, double bound) {
  const at::Device gpu(at::kCUDA, 0);
  for (const NamedConfig& model : every_shape()) {
    for (const double p : {0.0, 0.2}) {
      const PassContext dropout{.dropout = p, .seed = kSeed, .step = 3};
      const data::Batch batch = random_batch(model.config, 3, 29, kSeed, 3);
      const double scale = 1.0 / static_cast<double>(batch.supervised_tokens);
      Weights weights(model.config, gpu, bf16);
      randomize(weights, kSeed);
      const Reference want = reference(model.config, weights.flat().cpu(), batch, scale, dropout);
      for (const plan::Recompute recompute :
           {plan::Recompute::kOff, plan::Recompute::kSelective, plan::Recompute::kFull}) {
        CAPTURE(kSeed, model.name, p, static_cast<int>(recompute));
        const Computed got = compute(kernels_for(gpu), weights, batch, scale,
                                     {.recompute = recompute, .dropout = dropout});
        CHECK(difference(got.logits, want.logits) <= bound);
        const Difference worst = worst_difference(weights.layout(), got.gradients, want.gradients);
        INFO("worst gradient: " << worst.where);
        CHECK(worst.relative <= bound);
        const Computed again = compute(kernels_for(gpu), weights, batch, scale,
                                       {.recompute = recompute, .dropout = dropout});
        CHECK(again.gradients.equal(got.gradients));
      }
    }
  }
}

}  // namespace

// The bounds of oracle_test.cpp; cuBLAS keeps float32 products in float32.
TEST_CASE("on a GPU logits and every gradient equal autograd's, the same bits each time",
          "[.gpu]") {
  if (has_cuda()) check_on_gpu(false, 1e-4);
}

TEST_CASE("on a GPU bf16 gradients are autograd's up to bf16's rounding", "[.gpu]") {
  if (has_cuda()) check_on_gpu(true, 6e-2);
}

}  // namespace llmops::tensor
