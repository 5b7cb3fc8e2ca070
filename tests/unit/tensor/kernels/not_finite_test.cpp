#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>

#include <limits>

#include "tests/unit/tensor/kernels/check.h"

// A step is skipped when its loss or gradients are not finite. That holds only if no kernel turns a
// NaN into a number on the way.
namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 55;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
const auto kTypes = {at::kFloat, at::kBFloat16};

bool finite(const Tensor& x) {
  return at::isfinite(x).all().item<bool>();
}

// The tensor with a NaN in row 2.
Tensor poisoned(const Tensor& x) {
  Tensor bad = x.clone();
  bad.select(0, 2).select(0, x.size(1) - 1).fill_(kNaN);
  return bad;
}

// Row 2 is not finite, rows 0 and 1 are.
void check_row(const Tensor& x) {
  CHECK_FALSE(finite(x.select(0, 2)));
  CHECK(finite(x.narrow(0, 0, 2)));
}

}  // namespace

TEST_CASE("a NaN passes through norms, products, activations and dropout") {
  at::manual_seed(kSeed);
  for (const at::ScalarType type : kTypes) {
    CAPTURE(kSeed, at::toString(type));
    const Tensor x = poisoned(normal({4, 33}, type)), w = normal({7, 33}, type);
    const Tensor stream = normal({4, 33}), weight = normal({33});
    with_each_table([&](const Kernels& kernels) {
      Tensor y = at::empty({4, 7}, type), dx = at::empty({4, 33}, type);
      kernels.linear(x, w, {}, y);
      check_row(y);
      CHECK_FALSE(finite(y.select(0, 2).slice(0, 0, 1)));  // every output of the row
      kernels.linear_backward_input(y, w, dx);
      check_row(dx);
      Tensor dw = at::zeros({7, 33}), dbias = at::zeros({7});
      kernels.linear_backward_weight(y, x, dw, dbias);
      CHECK_FALSE(finite(dw));
      CHECK_FALSE(finite(dbias));

      Tensor sum = at::empty({4, 33}), mean = at::empty({4}), rstd = at::empty({4}), none;
      for (const arch::Norm kind : {arch::Norm::kLayerNorm, arch::Norm::kRmsNorm}) {
        Tensor out = at::empty({4, 33}, type), dsum = at::zeros({4, 33}), dweight = at::zeros({33});
        kernels.add_norm(kind, stream, x, weight, {}, 1e-5, sum, out, mean, rstd);
        check_row(out);
        kernels.norm_backward(kind, out, sum, weight, mean, rstd, 4, dsum, dweight, none, none);
        check_row(dsum);
        CHECK_FALSE(finite(dweight));
      }
      for (const arch::Activation kind :
           {arch::Activation::kGeluTanh, arch::Activation::kGelu, arch::Activation::kSilu}) {
        CAPTURE(static_cast<int>(kind));
        Tensor out = at::empty({4, 33}, type), dpre = at::empty({4, 33}, type);
        kernels.activation(x, kind, false, out);
        check_row(out);
        kernels.activation_backward(x, at::full({4, 33}, 1, type), kind, false, dpre);
        check_row(dpre);
        kernels.activation_backward(at::full({4, 33}, 1, type), x, kind, false, dpre);
        check_row(dpre);
      }
      Tensor dropped = x.clone();
      kernels.dropout(dropped, {0.999, kSeed, 0, 0, 0});
      check_row(dropped);
    });
  }
}

TEST_CASE("a NaN in q, k or v reaches what it is seen by") {
  at::manual_seed(kSeed);
  const AttentionShape shape{1, 4, 1, 1, 11, 0, 0.3f, {}};
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t part : {0, 1, 2}) {
      CAPTURE(kSeed, at::toString(type), part);
      Tensor qkv = normal({4, 33}, type);
      qkv.select(0, 2).select(0, 11 * part + 5).fill_(kNaN);
      const Tensor dout = normal({4, 11}, type);
      with_each_table([&](const Kernels& kernels) {
        Tensor out = at::empty({4, 11}, type), lse = at::empty({1, 1, 4});
        Tensor dqkv = at::empty({4, 33}, type);
        kernels.attention(shape, qkv, {}, out, lse);
        CHECK_FALSE(finite(out.select(0, 2)));
        kernels.attention_backward(shape, qkv, {}, out, lse, dout, dqkv);
        CHECK_FALSE(finite(dqkv));
      });
    }
  }
}

TEST_CASE("a logit that is not a number, or infinite, shows in the loss") {
  at::manual_seed(kSeed);
  for (const at::ScalarType type : kTypes) {
    for (const float bad : {kNaN, std::numeric_limits<float>::infinity()}) {
      for (const std::int64_t place : {0, 3, 36}) {
        CAPTURE(kSeed, at::toString(type), bad, place);
        Tensor logits = normal({4, 37}, type);
        logits.select(0, 2).select(0, place).fill_(bad);
        const Tensor targets = at::full({4}, 3, at::kInt);
        with_each_table([&](const Kernels& kernels) {
          Tensor losses = at::empty({4}), gradient = logits.clone();
          kernels.cross_entropy_loss(logits, targets, losses);
          check_row(losses.unsqueeze(1));
          kernels.cross_entropy(gradient, targets, 1.0f, losses);
          check_row(losses.unsqueeze(1));
          check_row(gradient);
        });
      }
    }
  }
}

}  // namespace llmops::tensor
