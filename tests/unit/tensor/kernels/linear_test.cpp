#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <string_view>
#include <utility>

#include "base/random.h"
#include "tests/unit/tensor/kernels/check.h"

namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 50;

// The largest of |got - want| / bound over the elements; a sum of k products of float32 is off by
// at most about k 2^-24 times the sum of their sizes, and a bfloat16 result by 2^-8 of itself more.
double excess(const Tensor& got, const Tensor& want, const Tensor& sizes, std::int64_t k) {
  Tensor bound = sizes * (static_cast<double>(k + 8) * 0x1p-24);
  if (got.scalar_type() == at::kBFloat16) bound = bound + want.abs() * 0x1p-8;
  return ((got.to(at::kDouble) - want).abs() / (bound + 1e-30)).max().item<double>();
}

struct Product {
  Tensor want, sizes;  // in float64
};
Product product(const Tensor& a, const Tensor& b) {
  const Tensor wide_a = a.to(at::kDouble), wide_b = b.to(at::kDouble);
  return {wide_a.mm(wide_b), wide_a.abs().mm(wide_b.abs())};
}

// The three products of a layer of m rows, n outputs and k inputs; operands are ours to keep.
void check_products(const Kernels& kernels, std::int64_t m, std::int64_t n, std::int64_t k,
                    at::ScalarType type) {
  CAPTURE(kSeed, m, n, k, at::toString(type));
  const bool by_aten = &kernels == &aten_kernels() || cpu::isa() == cpu::Isa::kAmx;
  const bool rounds_bias = by_aten && type == at::kBFloat16;
  const Tensor x = normal({m, k}, type), w = normal({n, k}, type), dy = normal({m, n}, type);
  // ATen adds a bias of the activation type.
  const Tensor bias = normal({n}, rounds_bias ? at::kBFloat16 : at::kFloat).to(at::kFloat);

  Tensor y = normal({m, n}, type);
  const Product forward = product(x, w.t());
  kernels.linear(x, w, {}, y);
  CHECK(excess(y, forward.want, forward.sizes, k) <= 1);
  kernels.linear(x, w, bias, y);
  CHECK(excess(y, forward.want + bias, forward.sizes + bias.abs(), k) <= 1);

  Tensor dx = normal({m, k}, type);
  const Product input = product(dy, w);
  kernels.linear_backward_input(dy, w, dx);
  CHECK(excess(dx, input.want, input.sizes, n) <= 1);

  Tensor dw = normal({n, k}), dbias = normal({n});
  const Tensor dw_before = dw.to(at::kDouble), dbias_before = dbias.to(at::kDouble);
  const Product weight = product(dy.t(), x);
  kernels.linear_backward_weight(dy, x, dw, dbias);
  CHECK(excess(dw, weight.want + dw_before, weight.sizes + dw_before.abs(), m) <= 1);
  const Tensor wide = dy.to(at::kDouble);
  CHECK(excess(dbias, wide.sum(0) + dbias_before, wide.abs().sum(0) + dbias_before.abs(), m) <= 1);
}

const std::vector<std::int64_t> kSizes = {1,  2,  3,  4,  5,  8,  13,  14,  15,  16,
                                          31, 32, 33, 48, 63, 65, 127, 513, 1025};

}  // namespace

// Sizes around the edges of tiles, strips and blocks.
TEST_CASE("the products of a linear layer are exact to rounding at every size") {
  at::manual_seed(kSeed);
  Random random(kSeed, RandomStream::kSynthetic);
  const auto any = [&] { return kSizes[random.below(kSizes.size())]; };
  std::vector<std::array<std::int64_t, 3>> shapes;
  while (shapes.size() < 60) {
    const std::array shape{any(), any(), any()};
    if (shape[0] * shape[1] * shape[2] < 3'000'000) shapes.push_back(shape);
  }
  for (const std::int64_t size : kSizes) {  // each size at each place
    shapes.push_back({size, 33, 15});
    shapes.push_back({15, size, 33});
    shapes.push_back({33, 15, size});
    shapes.push_back({1, size, 65});
  }
  shapes.push_back({4, 65, 9001});  // several blocks along k
  shapes.push_back({63, 65, 9001});
  shapes.push_back({15, 9001, 513});  // several blocks of columns
  shapes.push_back({65, 1024, 513});  // whole vectors of columns, too many to stay in place
  shapes.push_back({65, 513, 1024});  // rows that would fall into one set of the cache
  with_each_table([&](const Kernels& kernels) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      for (const auto& [m, n, k] : shapes) check_products(kernels, m, n, k, type);
    }
  });
}

TEST_CASE("on the CPU's own kernels a row of a product depends on its row alone") {
  at::manual_seed(kSeed);
  with_each_table([&](const Kernels& kernels) {
    if (std::string_view(kernels.name) == "aten" || cpu::isa() == cpu::Isa::kAmx) return;
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      for (const std::int64_t k : {1, 31, 64, 65, 1025}) {
        const Tensor x = normal({45, k}, type), w = normal({37, k}, type), bias = normal({37});
        Tensor all = at::empty({45, 37});
        kernels.linear(x, w, bias, all);
        for (const auto& [first, rows] :
             {std::pair<int, int>{0, 1}, {3, 2}, {7, 5}, {11, 7}, {2, 16}, {1, 17}, {4, 30}}) {
          CAPTURE(at::toString(type), k, first, rows);
          Tensor some = at::empty({rows, 37});
          kernels.linear(x.narrow(0, first, rows).contiguous(), w, bias, some);
          CHECK(some.equal(all.narrow(0, first, rows)));
        }
      }
    }
  });
}

TEST_CASE("weights in bfloat16 have the products of the same weights in float") {
  at::manual_seed(kSeed);
  with_each_table([&](const Kernels& kernels) {
    const std::vector<std::array<std::int64_t, 3>> shapes{{1, 33, 65}, {3, 64, 48}, {65, 127, 33}};
    for (const auto& [m, n, k] : shapes) {
      CAPTURE(kSeed, m, n, k);
      const Tensor w = normal({n, k}, at::kBFloat16), wide = w.to(at::kFloat), bias = normal({n});
      const Tensor x = normal({m, k}), dy = normal({m, n});
      Tensor y = at::empty({m, n}), dx = at::empty({m, k});
      Tensor want_y = at::empty({m, n}), want_dx = at::empty({m, k});
      kernels.linear(x, w, bias, y);
      kernels.linear(x, wide, bias, want_y);
      CHECK(y.equal(want_y));
      kernels.linear_backward_input(dy, w, dx);
      kernels.linear_backward_input(dy, wide, want_dx);
      CHECK(dx.equal(want_dx));
      Tensor pre = at::empty({m, n}), out = at::empty({m, n});
      kernels.linear_activation(x, w, bias, arch::Activation::kGelu, false, pre, out);
      CHECK(pre.equal(want_y));
      // Activations in bfloat16 beside weights in float.
      Tensor rounded = at::empty({m, n}, at::kBFloat16);
      kernels.linear(x.to(at::kBFloat16), wide, {}, rounded);
      const Product want = product(x.to(at::kBFloat16), wide.t());
      CHECK(excess(rounded, want.want, want.sizes, k) <= 1);
    }
  });
}

TEST_CASE("what does not train of a linear layer gets no gradient") {
  at::manual_seed(kSeed);
  const Tensor x = normal({5, 33}), dy = normal({5, 17});
  with_each_table([&](const Kernels& kernels) {
    Tensor none, dw = at::zeros({17, 33}), dbias = at::zeros({17});
    kernels.linear_backward_weight(dy, x, dw, none);
    kernels.linear_backward_weight(dy, x, none, dbias);
    CHECK(difference(dw, dy.t().mm(x)) < 1e-6);
    CHECK(difference(dbias, dy.sum(0)) < 1e-6);
  });
}

TEST_CASE("products are the same bits again and inside a parallel region") {
  at::manual_seed(kSeed);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t m : {1, 3, 65, 513}) {
      CAPTURE(kSeed, m, at::toString(type));
      const Tensor x = normal({m, 65}, type), w = normal({127, 65}, type);
      const Tensor dy = normal({m, 127}, type), bias = normal({127});
      check_tables(tolerance(type), [&](const Kernels& kernels) {
        Tensor y = at::empty({m, 127}, type), dx = at::empty({m, 65}, type);
        Tensor dw = at::zeros({127, 65}), dbias = at::zeros({127});
        kernels.linear(x, w, bias, y);
        kernels.linear_backward_input(dy, w, dx);
        kernels.linear_backward_weight(dy, x, dw, dbias);
        return Tensors{y, dx, dw, dbias};
      });
    }
  }
}

TEST_CASE("a layer with its activation is the layer, then the activation, to the bit") {
  at::manual_seed(kSeed);
  const auto kinds = {arch::Activation::kGeluTanh, arch::Activation::kGelu,
                      arch::Activation::kSilu};
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const arch::Activation kind : kinds) {
      for (const bool gated : {false, true}) {
        for (const auto& size : {std::pair{1, 7}, {3, 33}, {65, 127}, {257, 20}}) {
          const std::int64_t m = size.first, f = size.second;
          CAPTURE(kSeed, at::toString(type), static_cast<int>(kind), gated, m, f);
          const std::int64_t up = gated ? 2 * f : f;
          const Tensor x = normal({m, 33}, type), w = normal({up, 33}, type), bias = normal({up});
          check_tables(tolerance(type), [&](const Kernels& kernels) {
            Tensor pre = at::empty({m, up}, type), out = at::empty({m, f}, type);
            Tensor plain = at::empty({m, up}, type), again = at::empty({m, f}, type);
            kernels.linear_activation(x, w, bias, kind, gated, pre, out);
            kernels.linear(x, w, bias, plain);
            kernels.activation(pre, kind, gated, again);
            CHECK(same_bits({plain, again}, {pre, out}));
            return Tensors{pre, out};
          });
        }
      }
    }
  }
}

}  // namespace llmops::tensor
