// Prints the GFLOP/s of a linear layer's three products, as a training step does them, beside those
// of the library that PyTorch uses: y = x w^T, dx = dy w, dw += dy^T x.
//
//   products ROWS INPUTS OUTPUTS [bf16]
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "base/text.h"
#include "base/time.h"
#include "tensor/kernels/kernels.h"

namespace {

using namespace llmops;
using tensor::Tensor;

// Of the best of some calls, each after other work has used 32 MB: operands come from beyond L2.
template <class Work>
double gflops(double flops, const Work& work) {
  Tensor other = at::zeros({8 << 20});
  double best = 1e9;
  const double end = monotonic_seconds() + 1;
  for (int i = 0; i < 5 || monotonic_seconds() < end; ++i) {
    other.add_(1);
    const double start = monotonic_seconds();
    work();
    best = std::min(best, monotonic_seconds() - start);
  }
  return flops / best / 1e9;
}

void measure(const char* name, std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
             at::ScalarType type) {
  const tensor::Kernels& kernels =
      std::string_view(name) == "aten" ? tensor::aten_kernels() : tensor::cpu_kernels();
  const Tensor x = at::randn({rows, inputs}).to(type), w = at::randn({outputs, inputs}).to(type);
  const Tensor dy = at::randn({rows, outputs}).to(type);
  Tensor y = at::zeros({rows, outputs}, type), dx = at::zeros({rows, inputs}, type);
  Tensor dw = at::zeros({outputs, inputs}), none;
  const double flops =
      2.0 * static_cast<double>(rows) * static_cast<double>(inputs) * static_cast<double>(outputs);
  fmt::print("{{\"kernels\": \"{}\", \"y\": {:.0f}, \"dx\": {:.0f}, \"dw\": {:.0f}}}\n", name,
             gflops(flops, [&] { kernels.linear(x, w, none, y); }),
             gflops(flops, [&] { kernels.linear_backward_input(dy, w, dx); }),
             gflops(flops, [&] { kernels.linear_backward_weight(dy, x, dw, none); }));
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i) { return argc > i ? parse_int(argv[i]).value_or(0) : 0; };
  const bool bf16 = argc == 5 && std::string_view(argv[4]) == "bf16";
  if (argc != 4 + bf16 || number(1) < 1 || number(2) < 1 || number(3) < 1) {
    std::fputs("usage: products ROWS INPUTS OUTPUTS [bf16]\n", stderr);
    return 2;
  }
  for (const char* name : {"cpu", "aten"}) {
    measure(name, number(1), number(2), number(3), bf16 ? at::kBFloat16 : at::kFloat);
  }
  return 0;
}
