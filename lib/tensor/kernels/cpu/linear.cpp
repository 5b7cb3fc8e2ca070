#include <ATen/ops/mm.h>

#include "tensor/kernels/aten/aten.h"
#include "tensor/kernels/cpu/cpu.h"
#include "tensor/kernels/cpu/tensors.h"

// c = alpha op(a) op(b) + beta c for bfloat16 a, b and float c. In the MKL that torch's wheel
// links; the header is not in the wheel.
extern "C" void cblas_gemm_bf16bf16f32(int layout, int transpose_a, int transpose_b, int m, int n,
                                       int k, float alpha, const void* a, int lda, const void* b,
                                       int ldb, float beta, float* c, int ldc);

namespace llmops::tensor::cpu {
namespace {

constexpr int kRowMajor = 101, kAsIs = 111, kTransposed = 112;  // of CBLAS

// oneDNN has the kernels for the tile registers, and MKL one that adds into float.
bool by_onednn(const Tensor& x, const Tensor& other) {
  return isa() == Isa::kAmx && x.scalar_type() == at::kBFloat16 &&
         other.scalar_type() == at::kBFloat16;
}

ActivationCall activation_call(const Tensor& pre, arch::Activation kind, bool gated,
                               const Tensor& out) {
  LLMOPS_CHECK(pre.numel() == out.numel() * (gated ? 2 : 1));
  LLMOPS_CHECK(pre.scalar_type() == out.scalar_type());
  ActivationCall call{.gated = gated,
                      .rows = out.numel() / out.size(-1),
                      .size = out.size(-1),
                      .pre = act(pre),
                      .out = act(out)};
  switch (kind) {
    case arch::Activation::kGeluTanh:
      call.kind = ActivationKind::kGeluTanh;
      break;
    case arch::Activation::kGelu:
      call.kind = ActivationKind::kGelu;
      break;
    case arch::Activation::kSilu:
      call.kind = ActivationKind::kSilu;
      break;
  }
  return call;
}

// y = x w^T + bias.
GemmCall forward_call(const Tensor& x, const Matrix& w, const Tensor& bias, const Tensor& y) {
  const Index inputs = w.data.size(1), outputs = w.data.size(0);
  const Index rows = x.numel() / inputs;
  LLMOPS_CHECK(x.size(-1) == inputs && y.numel() == rows * outputs);
  LLMOPS_CHECK(x.scalar_type() == y.scalar_type() || y.scalar_type() == at::kFloat);
  return {.m = rows,
          .n = outputs,
          .k = inputs,
          .a = act(x),
          .b = act(w.data),
          .c = act(y),
          .a_row = inputs,
          .a_k = 1,
          .b_k = 1,
          .b_column = inputs,
          .bias = floats_or_null(bias)};
}

// Products of a few rows, as in generation, are bound by reading the weights.
bool forward_by_onednn(const Tensor& x, const Matrix& w) {
  constexpr Index kFewRows = 16;
  return by_onednn(x, w.data) && x.numel() > kFewRows * x.size(-1);
}

int blas_size(Index n) {
  return static_cast<int>(n);
}

}  // namespace

void linear(const Tensor& x, const Matrix& w, const Tensor& bias, Tensor& y) {
  if (!forward_by_onednn(x, w)) return raw().gemm(forward_call(x, w, bias, y));
  if (y.scalar_type() == x.scalar_type() || bias.defined()) return aten::linear(x, w, bias, y);
  const Index inputs = w.data.size(1), outputs = w.data.size(0);
  cblas_gemm_bf16bf16f32(kRowMajor, kAsIs, kTransposed, blas_size(x.numel() / inputs),
                         blas_size(outputs), blas_size(inputs), 1.0f, x.data_ptr(),
                         blas_size(inputs), w.data.data_ptr(), blas_size(inputs), 0.0f, floats(y),
                         blas_size(outputs));
}

void linear_activation(const Tensor& x, const Matrix& w, const Tensor& bias, arch::Activation kind,
                       bool gated, Tensor& pre, Tensor& out) {
  if (forward_by_onednn(x, w)) {
    aten::linear(x, w, bias, pre);
    return activation(pre, kind, gated, out);
  }
  GemmCall call = forward_call(x, w, bias, pre);
  const ActivationCall after = activation_call(pre, kind, gated, out);
  call.context = &after;
  call.rows_done = [](const void* context, Index begin, Index end) {
    raw().activation_rows(*static_cast<const ActivationCall*>(context), begin, end);
  };
  raw().gemm(call);
}

void activation(const Tensor& pre, arch::Activation kind, bool gated, Tensor& out) {
  raw().activation(activation_call(pre, kind, gated, out));
}

void activation_backward(const Tensor& pre, const Tensor& dout, arch::Activation kind, bool gated,
                         Tensor& dpre) {
  ActivationCall call = activation_call(pre, kind, gated, dout);
  LLMOPS_CHECK(dpre.numel() == pre.numel() && dpre.scalar_type() == pre.scalar_type());
  call.dpre = act(dpre);
  raw().activation_backward(call);
}

void linear_backward_input(const Tensor& dy, const Matrix& w, Tensor& dx) {
  if (by_onednn(dy, w.data)) return aten::linear_backward_input(dy, w, dx);
  const Index inputs = w.data.size(1), outputs = w.data.size(0);
  const Index rows = dy.numel() / outputs;
  LLMOPS_CHECK(dx.numel() == rows * inputs);
  LLMOPS_CHECK(dy.scalar_type() == dx.scalar_type());
  raw().gemm({.m = rows,
              .n = inputs,
              .k = outputs,
              .a = act(dy),
              .b = act(w.data),
              .c = act(dx),
              .a_row = outputs,
              .a_k = 1,
              .b_k = inputs,
              .b_column = 1});
}

void linear_backward_weight(const Tensor& dy, const Tensor& x, Tensor& dw, Tensor& dbias) {
  const Index outputs = dy.size(-1), inputs = x.size(-1), rows = dy.numel() / outputs;
  LLMOPS_CHECK(x.numel() == rows * inputs && dy.scalar_type() == x.scalar_type());
  if (dbias.defined()) raw().column_sums(act(dy), rows, outputs, floats(dbias));
  if (!dw.defined()) return;
  LLMOPS_CHECK(dw.numel() == outputs * inputs);
  if (by_onednn(dy, x)) {
    cblas_gemm_bf16bf16f32(kRowMajor, kTransposed, kAsIs, blas_size(outputs), blas_size(inputs),
                           blas_size(rows), 1.0f, dy.data_ptr(), blas_size(outputs), x.data_ptr(),
                           blas_size(inputs), 1.0f, floats(dw), blas_size(inputs));
    return;
  }
  raw().gemm({.m = outputs,
              .n = inputs,
              .k = rows,
              .a = act(dy),
              .b = act(x),
              .c = {floats(dw), false},
              .a_row = 1,
              .a_k = outputs,
              .b_k = inputs,
              .b_column = 1,
              .accumulate = true});
}

}  // namespace llmops::tensor::cpu
