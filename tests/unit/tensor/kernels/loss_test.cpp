#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>

#include "tests/unit/tensor/kernels/check.h"

namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 53;
const auto kTypes = {at::kFloat, at::kBFloat16};

}  // namespace

TEST_CASE("losses and gradients of the logits are equal in every table") {
  at::manual_seed(kSeed);
  for (const at::ScalarType type : kTypes) {
    for (const auto& shape : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 1}, {1, 2}, {3, 17}, {7, 257}, {130, 33}, {4, 5003}}) {
      const std::int64_t rows = shape.first, vocabulary = shape.second;
      for (const double width : {1.0, 30.0}) {
        CAPTURE(kSeed, at::toString(type), rows, vocabulary, width);
        const Tensor logits = normal({rows, vocabulary}).mul(width).to(type);
        Tensor targets = integers(vocabulary + 1, {rows}).sub(1);  // -1: none
        targets.data_ptr<std::int32_t>()[0] = 0;
        // Logits of four widths keep their difference to 2^-24 of themselves.
        check_tables(tolerance(type) + 4 * width * 0x1p-24, [&](const Kernels& kernels) {
          Tensor gradient = logits.clone(), losses = at::empty({rows}), alone = at::empty({rows});
          kernels.cross_entropy_loss(gradient, targets, alone);
          CHECK(gradient.equal(logits));
          kernels.cross_entropy(gradient, targets, 0.25f, losses);
          CHECK(difference(alone, losses) <= 1e-6);
          return Tensors{losses, gradient};
        });
      }
    }
  }
}

TEST_CASE("losses are the log likelihoods of float64, over a large vocabulary too") {
  at::manual_seed(kSeed);
  const Tensor logits = normal({3, 50257}).mul(3), targets = integers(50257, {3});
  const Tensor want = -at::log_softmax(logits.to(at::kDouble), 1)
                           .gather(1, targets.to(at::kLong).unsqueeze(1))
                           .squeeze(1);
  with_each_table([&](const Kernels& kernels) {
    CAPTURE(kSeed);
    Tensor losses = at::empty({3});
    kernels.cross_entropy_loss(logits, targets, losses);
    CHECK(difference(losses, want) <= 1e-6);
  });
}

TEST_CASE("without a target there is no loss and no gradient, whatever the logits") {
  for (const at::ScalarType type : kTypes) {
    with_each_table([&](const Kernels& kernels) {
      const Tensor targets = at::full({5}, -1, at::kInt);
      for (const double value : {0.0, 1e30, std::numeric_limits<double>::infinity(),
                                 std::numeric_limits<double>::quiet_NaN()}) {
        CAPTURE(at::toString(type), value);
        Tensor logits = at::full({5, 19}, value, type), losses = at::full({5}, 7.0f);
        kernels.cross_entropy(logits, targets, 1.0f, losses);
        CHECK(losses.equal(at::zeros({5})));
        CHECK(logits.equal(at::zeros({5, 19}, type)));
      }
    });
  }
}

TEST_CASE("logits far apart give exact losses") {
  with_each_table([&](const Kernels& kernels) {
    for (const at::ScalarType type : kTypes) {
      Tensor logits = at::zeros({2, 40}, type), losses = at::empty({2});
      logits.select(1, 7).fill_(30000);
      const Tensor targets = at::arange(7, 9, at::kInt);
      kernels.cross_entropy(logits, targets, 1.0f, losses);
      const Tensor top = at::full({}, 30000.0, type);
      CHECK(losses.data_ptr<float>()[0] == 0);
      CHECK(losses.data_ptr<float>()[1] == top.item<float>());
      CHECK(logits.select(0, 0).abs().sum().item<float>() == 0);
      CHECK(logits.select(0, 1).sum().item<float>() == 0);  // 1 and -1
      CHECK(logits.select(0, 1).abs().sum().item<float>() == 2);
    }
  });
}

}  // namespace llmops::tensor
