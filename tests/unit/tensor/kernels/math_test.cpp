#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <ATen/ops/where.h>

#include "tests/unit/tensor/kernels/check.h"

namespace llmops::tensor {

namespace {

struct Exact {
  Tensor value, slope;  // float64
};

Exact exact(const Tensor& x, arch::Activation kind) {
  const Tensor one = at::ones_like(x);
  switch (kind) {
    case arch::Activation::kGeluTanh:
      return {at::gelu(x, "tanh"), at::gelu_backward(one, x, "tanh")};
    case arch::Activation::kGelu:
      return {at::gelu(x, "none"), at::gelu_backward(one, x, "none")};
    case arch::Activation::kSilu:
      break;
  }
  return {at::silu(x), at::silu_backward(one, x)};
}

// The largest error, relative to the larger of the exact value and the argument.
double error(const Tensor& got, const Tensor& want, const Tensor& x) {
  const Tensor size = at::where(want.abs() > x.abs(), want.abs(), x.abs());
  return ((got.to(at::kDouble) - want).abs() / (size + 1e-30)).max().item<double>();
}

}  // namespace

TEST_CASE("activations and their slopes are those of float64 everywhere") {
  for (const double reach : {1e-3, 1.0, 8.0, 100.0, 1e4}) {
    const Tensor x = at::linspace(-reach, reach, 20001, at::kFloat).view({3, 6667});
    const Tensor wide = x.to(at::kDouble), ones = at::ones_like(x);
    for (const arch::Activation kind :
         {arch::Activation::kGeluTanh, arch::Activation::kGelu, arch::Activation::kSilu}) {
      const Exact want = exact(wide, kind);
      with_each_table([&](const Kernels& kernels) {
        CAPTURE(reach, static_cast<int>(kind));
        Tensor value = at::empty({3, 6667}), slope = at::empty({3, 6667});
        kernels.activation(x, kind, false, value);
        kernels.activation_backward(x, ones, kind, false, slope);
        CHECK(error(value, want.value, wide) <= (&kernels == &cpu_kernels() ? 2e-7 : 4e-7));
        // A slope is near 0 or 1; where it turns, an exponent of some 20 has the rounding of a
        // number of that size (measured: 2e-6).
        CHECK(error(slope, want.slope, ones.to(at::kDouble)) <= 3e-6);
      });
    }
  }
}

}  // namespace llmops::tensor
