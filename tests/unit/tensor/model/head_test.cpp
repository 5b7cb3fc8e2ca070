#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "base/random.h"
#include "plan/buffers.h"
#include "tests/unit/tensor/model/models.h"
#include "tests/unit/tensor/model/passes.h"
#include "tests/unit/tensor/tables.h"

namespace llmops::tensor {

// As tests/perf/loss_layer.cpp measures it.
TEST_CASE("the loss layer works on its own buffers alone, whatever the chunk") {
  const at::NoGradGuard no_grad;
  const arch::TransformerConfig config = every_shape().front().config;
  Weights weights(config, at::Device(at::kCPU), false);
  randomize(weights, 30);
  const data::Batch batch = random_batch(config, 2, 9, 30);
  plan::ActivationShape shape{.rows = 2, .length = 9};
  for (const std::int64_t chunk : {1, 5, 18, 100}) {
    CAPTURE(chunk);
    shape.loss_chunk_rows = chunk;
    std::vector<plan::Buffer> buffers;
    for (const plan::Buffer& buffer : plan::activation_buffers(config, shape)) {
      for (const char* name : {"norm_final", "dnorm", "targets", "logits", "losses"}) {
        if (buffer.name == name) buffers.push_back(buffer);
      }
    }
    Activations act(config, buffers, 2, 9, at::kCPU, plan::Precision::kFp32);
    REQUIRE(act.norm_final.size(0) == 18);
    float* hidden = act.norm_final.data_ptr<float>();
    Random random(30, RandomStream::kSynthetic);
    for (std::int64_t i = 0; i < act.norm_final.numel(); ++i) {
      hidden[i] = static_cast<float>(random.normal());
    }
    std::copy(batch.targets.begin(), batch.targets.end(), act.targets.data_ptr<std::int32_t>());
    const ModelTensors& tensors = weights.tensors();
    ModelTensors gradients;
    gradients.head.weight.data = at::zeros_like(tensors.head.weight.data);
    gradients.final_norm.weight = at::zeros({config.hidden_size});  // something below trains
    head_loss(cpu_kernels(), tensors, act, 0.5f, &gradients, {});

    const Tensor logits =
        act.norm_final.to(at::kDouble).mm(tensors.head.weight.data.to(at::kDouble).t());
    const Tensor counted = act.targets.ge(0).unsqueeze(1);
    const Tensor target = act.targets.to(at::kLong).clamp_min(0).unsqueeze(1);
    const Tensor losses = -at::log_softmax(logits, 1).gather(1, target) * counted;
    const Tensor dlogits =
        0.5 * (logits.softmax(1) - at::one_hot(target.squeeze(1), config.vocab_size)) * counted;
    // float32 against float64 (measured: below 1e-6).
    CHECK(difference(act.losses.unsqueeze(1), losses) < 1e-5);
    CHECK(difference(act.dnorm, dlogits.mm(tensors.head.weight.data.to(at::kDouble))) < 1e-5);
    CHECK(difference(gradients.head.weight.data, dlogits.t().mm(act.norm_final.to(at::kDouble))) <
          1e-5);
  }
}

}  // namespace llmops::tensor
