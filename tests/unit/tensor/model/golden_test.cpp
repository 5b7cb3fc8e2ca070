#include "tests/unit/tensor/model/golden.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "tensor/model/transformer.h"
#include "tests/catch.h"

namespace llmops::tensor {

namespace {

struct Computed {
  double loss = 0;
  Tensor gradients;
};

Computed compute(Golden& golden, const Kernels& kernels, plan::Recompute recompute) {
  const at::NoGradGuard no_grad;
  const auto buffers = plan::activation_buffers(golden.config, shape_of(golden.batch, recompute));
  Activations activations(golden.config, buffers, golden.batch.rows, golden.batch.length,
                          at::Device(at::kCPU), plan::Precision::kFp32);
  Computed computed;
  computed.gradients = at::zeros({golden.weights->layout().size});
  ModelTensors gradients = bind(golden.config, golden.weights->layout(), computed.gradients);
  activations.set_batch(golden.batch, 0);
  const double tokens = static_cast<double>(golden.batch.supervised_tokens);
  forward(kernels, golden.config, golden.weights->tensors(), activations, {});
  head_loss(kernels, golden.weights->tensors(), activations, static_cast<float>(1 / tokens),
            &gradients);
  const float* losses = activations.losses.data_ptr<float>();
  for (std::int64_t i = 0; i < activations.losses.numel(); ++i) computed.loss += losses[i];
  computed.loss /= tokens;
  backward(kernels, golden.config, recompute, golden.weights->tensors(), activations, {},
           gradients);
  return computed;
}

// 1e-4 of each tensor's largest value: what float32 with other orders of summation leaves, with
// room (measured: below 3e-6).
constexpr double kTolerance = 1e-4;

void check_table(const Kernels& kernels) {
  for (const std::string name : {"gpt2", "gpt2_no_bias", "llama", "mistral"}) {
    Golden golden = load_golden(name);
    for (plan::Recompute recompute :
         {plan::Recompute::kOff, plan::Recompute::kSelective, plan::Recompute::kFull}) {
      CAPTURE(kernels.name, name, static_cast<int>(recompute));
      const Computed computed = compute(golden, kernels, recompute);
      const double want = golden.json.at("loss").as_double();
      CHECK(std::abs(computed.loss - want) <= 1e-5 * want);
      const Difference worst = gradient_difference(golden, computed.gradients);
      INFO("worst gradient: " << worst.where);
      CHECK(worst.relative <= kTolerance);
    }
  }
}

}  // namespace

TEST_CASE("loss and every gradient equal transformers' with the ATen compositions") {
  check_table(aten_kernels());
}

TEST_CASE("loss and every gradient equal transformers' with the CPU kernels") {
  check_table(cpu_kernels());
}

TEST_CASE("recomputation changes no bit of the gradients") {
  Golden golden = load_golden("llama");
  const Computed off = compute(golden, cpu_kernels(), plan::Recompute::kOff);
  const Computed selective = compute(golden, cpu_kernels(), plan::Recompute::kSelective);
  const Computed full = compute(golden, cpu_kernels(), plan::Recompute::kFull);
  CHECK(off.gradients.equal(selective.gradients));
  CHECK(off.gradients.equal(full.gradients));
}

}  // namespace llmops::tensor
