#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>

#include "tensor/kernels/aten/aten.h"

namespace llmops::tensor::aten {
namespace {

Tensor activate(const Tensor& x, arch::Activation kind) {
  switch (kind) {
    case arch::Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case arch::Activation::kGelu:
      return at::gelu(x, "none");
    case arch::Activation::kSilu:
      break;
  }
  return at::silu(x);
}

Tensor activate_backward(const Tensor& dout, const Tensor& x, arch::Activation kind) {
  switch (kind) {
    case arch::Activation::kGeluTanh:
      return at::gelu_backward(dout, x, "tanh");
    case arch::Activation::kGelu:
      return at::gelu_backward(dout, x, "none");
    case arch::Activation::kSilu:
      break;
  }
  return at::silu_backward(dout, x);
}

}  // namespace

void linear(const Tensor& x, const Matrix& w, const Tensor& bias, Tensor& y) {
  if (y.scalar_type() != x.scalar_type()) {
    Tensor rounded = at::empty(y.sizes(), x.options());
    linear(x, w, bias, rounded);
    y.copy_(rounded);
    return;
  }
  const Tensor weight = w.data.to(x.scalar_type()).t();
  if (bias.defined()) {
    at::addmm_out(y, bias.to(y.scalar_type()), x, weight);
  } else {
    at::mm_out(y, x, weight);
  }
}

void linear_activation(const Tensor& x, const Matrix& w, const Tensor& bias, arch::Activation kind,
                       bool gated, Tensor& pre, Tensor& out) {
  linear(x, w, bias, pre);
  activation(pre, kind, gated, out);
}

void activation(const Tensor& pre, arch::Activation kind, bool gated, Tensor& out) {
  const Tensor wide = pre.to(at::kFloat);
  if (!gated) {
    out.copy_(activate(wide, kind));
    return;
  }
  const std::int64_t size = out.size(1);
  out.copy_(activate(wide.narrow(1, 0, size), kind).mul_(wide.narrow(1, size, size)));
}

void activation_backward(const Tensor& pre, const Tensor& dout, arch::Activation kind, bool gated,
                         Tensor& dpre) {
  const Tensor wide = pre.to(at::kFloat), grad = dout.to(at::kFloat);
  if (!gated) {
    dpre.copy_(activate_backward(grad, wide, kind));
    return;
  }
  const std::int64_t size = dout.size(1);
  const Tensor gate = wide.narrow(1, 0, size), up = wide.narrow(1, size, size);
  dpre.narrow(1, size, size).copy_(grad * activate(gate, kind));
  dpre.narrow(1, 0, size).copy_(activate_backward(grad * up, gate, kind));
}

void linear_backward_input(const Tensor& dy, const Matrix& w, Tensor& dx) {
  at::mm_out(dx, dy, w.data.to(dy.scalar_type()));
}

void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw, Tensor& dbias) {
  if (dbias.defined()) dbias.add_(dy.sum(0, false, at::kFloat));
  if (!dw.defined()) return;
  if (dy.is_cuda() && dy.scalar_type() == at::kBFloat16) {
    // cuBLAS accumulates bf16 products into the float gradient.
    at::addmm_out(dw, dw, dy.t(), x, at::kFloat);
  } else {
    at::addmm_out(dw, dw, dy.to(at::kFloat).t(), x.to(at::kFloat));
  }
}

}  // namespace llmops::tensor::aten
