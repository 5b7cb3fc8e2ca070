#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "tests/unit/tensor/kernels/check.h"

namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 51;
const auto kTypes = {at::kFloat, at::kBFloat16};
const std::vector<std::pair<std::int64_t, std::int64_t>> kShapes = {
    {1, 1}, {1, 5}, {3, 17}, {7, 33}, {65, 48}, {130, 127}, {5, 1025}};

}  // namespace

TEST_CASE("embeddings and their gradients are equal in every table") {
  at::manual_seed(kSeed);
  for (const auto& shape : kShapes) {
    const std::int64_t rows = shape.first, width = shape.second;
    for (const bool learned : {false, true}) {
      CAPTURE(kSeed, rows, width, learned);
      const Tensor ids = integers(7, {rows}), positions = integers(9, {rows});
      const Tensor wte = normal({7, width}), dout = normal({rows, width});
      const Tensor wpe = learned ? normal({9, width}) : Tensor();
      const Tensor start = normal({7, width});
      check_tables(tolerance(at::kFloat), [&](const Kernels& kernels) {
        Tensor out = at::empty({rows, width}), dwte = start.clone();
        Tensor dwpe = learned ? at::zeros({9, width}) : Tensor();
        kernels.embed(ids, positions, wte, wpe, out);
        kernels.embed_backward(ids, positions, dout, dwte, dwpe);
        return learned ? Tensors{out, dwte, dwpe} : Tensors{out, dwte};
      });
    }
  }
}

TEST_CASE("tables in bfloat16 are looked up as the numbers that they are") {
  at::manual_seed(kSeed);
  const Tensor ids = integers(7, {65}), positions = integers(9, {65});
  const Tensor wte = normal({7, 33}, at::kBFloat16), wpe = normal({9, 33}, at::kBFloat16);
  with_each_table([&](const Kernels& kernels) {
    Tensor out = at::empty({65, 33}), want = at::empty({65, 33});
    kernels.embed(ids, positions, wte, wpe, out);
    kernels.embed(ids, positions, wte.to(at::kFloat), wpe.to(at::kFloat), want);
    CHECK(out.equal(want));
  });
}

TEST_CASE("what does not train of a norm or an embedding gets no gradient") {
  at::manual_seed(kSeed);
  const Tensor sum = normal({6, 33}), dy = normal({6, 33}), weight = normal({33});
  const Tensor mean = sum.mean(-1), rstd = normal({6}).abs();
  const Tensor ids = integers(7, {6}), positions = integers(9, {6});
  with_each_table([&](const Kernels& kernels) {
    Tensor none, dsum = at::zeros({6, 33}), want_dsum = at::zeros({6, 33});
    Tensor dweight = at::zeros({33}), dbias = at::zeros({33}), bias_alone = at::zeros({33});
    constexpr auto kNorm = arch::Norm::kLayerNorm;
    kernels.norm_backward(kNorm, dy, sum, weight, mean, rstd, 6, want_dsum, dweight, dbias, none);
    kernels.norm_backward(kNorm, dy, sum, weight, mean, rstd, 6, dsum, none, bias_alone, none);
    CHECK(dsum.equal(want_dsum));
    CHECK(bias_alone.equal(dbias));
    Tensor dwpe = at::zeros({9, 33}), dwte = at::zeros({7, 33}), wpe_alone = at::zeros({9, 33});
    kernels.embed_backward(ids, positions, dy, dwte, dwpe);
    kernels.embed_backward(ids, positions, dy, none, wpe_alone);
    CHECK(wpe_alone.equal(dwpe));
  });
}

TEST_CASE("norms and their gradients are equal in every table") {
  at::manual_seed(kSeed);
  for (const arch::Norm kind : {arch::Norm::kLayerNorm, arch::Norm::kRmsNorm}) {
    const bool layer_norm = kind == arch::Norm::kLayerNorm;
    for (const at::ScalarType type : kTypes) {
      for (const auto& shape : kShapes) {
        const std::int64_t rows = shape.first, width = shape.second;
        if (layer_norm && width == 1) continue;  // a gradient of exactly 0
        for (const bool with_delta : {false, true}) {
          CAPTURE(kSeed, layer_norm, at::toString(type), rows, width, with_delta);
          const Tensor residual = normal({rows, width}), weight = normal({width});
          const Tensor delta = with_delta ? normal({rows, width}, type) : Tensor();
          const Tensor bias = layer_norm && with_delta ? normal({width}) : Tensor();
          const Tensor dy = normal({rows, width}, type), dsum_before = normal({rows, width});
          check_tables(tolerance(type), [&](const Kernels& kernels) {
            Tensor sum = with_delta ? at::empty({rows, width}) : residual;
            Tensor y = at::empty({rows, width}, type), mean = at::zeros({rows});
            Tensor rstd = at::empty({rows}), dsum = dsum_before.clone();
            Tensor dweight = at::ones({width}), dbias = bias.defined() ? at::ones({width}) : bias;
            Tensor dsum_act = with_delta ? at::empty({rows, width}, type) : Tensor();
            kernels.add_norm(kind, residual, delta, weight, bias, 1e-5, sum, y, mean, rstd);
            kernels.norm_backward(kind, dy, sum, weight, mean, rstd, rows, dsum, dweight, dbias,
                                  dsum_act);
            Tensors out{sum, y, rstd, dsum, dweight};
            if (layer_norm) out.push_back(mean);
            if (bias.defined()) out.push_back(dbias);
            if (with_delta) out.push_back(dsum_act);
            return out;
          });
        }
      }
    }
  }
}

TEST_CASE("a norm may add into its own residual stream") {
  at::manual_seed(kSeed);
  const Tensor residual = normal({5, 33}), delta = normal({5, 33}), weight = normal({33});
  with_each_table([&](const Kernels& kernels) {
    const auto run = [&](bool own) {
      Tensor stream = residual.clone(), sum = own ? stream : at::empty({5, 33});
      Tensor y = at::empty({5, 33}), mean, rstd = at::empty({5});
      kernels.add_norm(arch::Norm::kRmsNorm, stream, delta, weight, {}, 1e-5, sum, y, mean, rstd);
      return Tensors{sum, y, rstd};
    };
    CHECK(same_bits(run(true), run(false)));
  });
}

TEST_CASE("rotation is equal in every table, leaves v alone and its inverse undoes it") {
  at::manual_seed(kSeed);
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t d : {2, 6, 24, 34, 64, 128}) {
      CAPTURE(kSeed, at::toString(type), d);
      const std::int64_t rows = 11, heads = 3, kv_heads = 1, width = (heads + 2 * kv_heads) * d;
      const Tensor angles = normal({20, d / 2}), positions = integers(20, {rows});
      const Tensor cos = angles.cos(), sin = angles.sin(), qkv = normal({rows, width}, type);
      check_tables(tolerance(type), [&](const Kernels& kernels) {
        Tensor turned = qkv.clone();
        kernels.rope(turned, positions, cos, sin, heads, kv_heads, false);
        Tensor back = turned.clone();
        kernels.rope(back, positions, cos, sin, heads, kv_heads, true);
        CHECK(difference(back, qkv) <= 2 * tolerance(type));
        const std::int64_t v = (heads + kv_heads) * d;
        CHECK(turned.narrow(1, v, kv_heads * d).equal(qkv.narrow(1, v, kv_heads * d)));
        return Tensors{turned, back};
      });
    }
  }
}

TEST_CASE("gradients of activations are equal in every table") {
  at::manual_seed(kSeed);
  const auto kinds = {arch::Activation::kGeluTanh, arch::Activation::kGelu,
                      arch::Activation::kSilu};
  for (const at::ScalarType type : kTypes) {
    for (const arch::Activation kind : kinds) {
      for (const bool gated : {false, true}) {
        for (const auto& shape : kShapes) {
          const std::int64_t rows = shape.first, f = shape.second;
          if (f == 1) continue;  // one slope may be next to nothing: math_test
          CAPTURE(kSeed, at::toString(type), static_cast<int>(kind), gated, rows, f);
          // Wide values: where a slope saturates.
          const Tensor pre = normal({rows, gated ? 2 * f : f}).mul(4).to(type);
          const Tensor dout = normal({rows, f}, type);
          check_tables(2 * tolerance(type), [&](const Kernels& kernels) {
            Tensor dpre = gated ? at::empty_like(pre) : dout.clone();
            kernels.activation_backward(pre, gated ? dout : dpre, kind, gated, dpre);
            return Tensors{dpre};
          });
        }
      }
    }
  }
}

TEST_CASE("dropout's masks are the same bits in every table") {
  at::manual_seed(kSeed);
  for (const at::ScalarType type : kTypes) {
    for (const double p : {0.0, 0.1, 0.5, 1.0}) {
      for (const auto& shape : kShapes) {
        const std::int64_t rows = shape.first, width = shape.second;
        CAPTURE(kSeed, at::toString(type), p, rows, width);
        const Tensor x = normal({rows, width}, type);
        const DropoutKey key{p, kSeed, 3, 4, 5};
        check_tables(0, [&](const Kernels& kernels) {
          Tensor y = x.clone();
          kernels.dropout(y, key);
          return Tensors{y};
        });
      }
    }
  }
}

TEST_CASE("a mask depends on seed, step, site and row, and not on how rows are cut") {
  with_each_table([&](const Kernels& kernels) {
    const auto mask = [&](DropoutKey key, std::int64_t rows = 40) {
      Tensor ones = at::ones({rows, 50});
      kernels.dropout(ones, key);
      return ones;
    };
    const DropoutKey key{0.5, 1, 2, 3, 0};
    const Tensor whole = mask(key);
    CHECK_FALSE(mask({0.5, 9, 2, 3, 0}).equal(whole));
    CHECK_FALSE(mask({0.5, 1, 9, 3, 0}).equal(whole));
    CHECK_FALSE(mask({0.5, 1, 2, 9, 0}).equal(whole));
    CHECK(mask({0.5, 1, 2, 3, 10}, 30).equal(whole.narrow(0, 10, 30)));
  });
}

// Of 2 million draws the share may be off by five of its deviations, once in 2 million seeds.
TEST_CASE("dropout drops its share and keeps the mean") {
  with_each_table([&](const Kernels& kernels) {
    for (const double p : {0.1, 0.5, 0.9}) {
      Tensor x = at::ones({2000, 1000});
      kernels.dropout(x, {p, kSeed, 0, 0, 0});
      const double deviation = std::sqrt(p * (1 - p) / 2e6);
      CHECK(std::abs(x.eq(0).sum().item<double>() / 2e6 - p) < 5 * deviation + 0x1p-17);
      CHECK(std::abs(x.mean().item<double>() - 1) < 5 * deviation / (1 - p));
    }
  });
}

}  // namespace llmops::tensor
