#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <bit>
#include <limits>

#include "tests/unit/tensor/kernels/check.h"

namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 54;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Flat buffers around the width of vectors and the parts that threads take.
const std::vector<std::int64_t> kSizes = {1, 15, 16, 17, 1000, 16384, 40003};

struct Optimizer {
  Tensor weights, m, v, updates, norm_squared, loss, compute;

  explicit Optimizer(const Tensor& start)
      : weights(start.clone()),
        m(at::zeros_like(start)),
        v(at::zeros_like(start)),
        updates(at::zeros({1}, at::kDouble)),
        norm_squared(at::zeros({1}, at::kDouble)),
        loss(at::zeros({1}, at::kDouble)),
        compute(at::zeros_like(start, at::kBFloat16)) {}

  void step(const Kernels& kernels, const AdamWStep& settings, const Tensor& grads) {
    Tensor none, used = grads.clone();
    kernels.reduce(used, none, norm_squared);
    kernels.adamw(settings, weights, used, m, v, norm_squared, loss, updates, compute);
    CHECK(used.equal(at::zeros_like(grads)));
  }
  Tensors all() const { return {weights, m, v, updates, compute}; }
};

Tensors copies(const Tensors& from) {
  Tensors to;
  for (const Tensor& tensor : from) to.push_back(tensor.clone());
  return to;
}

}  // namespace

// torch.optim.AdamW(fused=True) is this operation; here in float64, after clip_grad_norm_.
TEST_CASE("twenty updates equal torch.optim.AdamW's") {
  at::manual_seed(kSeed);
  for (const std::int64_t size : kSizes) {
    for (const std::int64_t decay_size : {std::int64_t{0}, size / 2, size}) {
      for (const double max_norm : {0.0, 1.0, 1e9}) {
        CAPTURE(kSeed, size, decay_size, max_norm);
        AdamWStep settings{0, 0.9, 0.95, 1e-8, 0.1, decay_size, max_norm};
        const Tensor start = normal({size});
        std::vector<Tensor> gradients;
        for (int i = 0; i < 20; ++i) gradients.push_back(normal({size}).mul(i % 3 + 0.1));

        Tensor weights = start.to(at::kDouble), m = at::zeros_like(weights);
        Tensor v = at::zeros_like(weights), count = at::zeros({}), none;
        const auto update = [&](std::int64_t first, std::int64_t last, const Tensor& grad,
                                double decay) {
          if (first == last) return;
          const auto part = [&](const Tensor& x) { return x.narrow(0, first, last - first); };
          const std::vector<Tensor> w{part(weights)}, g{part(grad)}, m1{part(m)}, v1{part(v)};
          at::_fused_adamw_(w, g, m1, v1, {}, {count}, settings.learning_rate, settings.beta1,
                            settings.beta2, decay, settings.eps, false, false);
        };
        with_each_table([&](const Kernels& kernels) {
          weights.copy_(start);
          m.zero_();
          v.zero_();
          count.zero_();
          Optimizer ours(start);
          double largest = 0;  // of the clipped gradients
          for (int i = 0; i < 20; ++i) {
            settings.learning_rate = 1e-2 * (i + 1) / 20;
            const Tensor& grads = gradients[static_cast<std::size_t>(i)];
            ours.step(kernels, settings, grads);
            const double norm = grads.to(at::kDouble).norm().item<double>();
            const double clip = max_norm > 0 ? std::min(1.0, max_norm / (norm + 1e-6)) : 1.0;
            largest = std::max(largest, clip * grads.abs().max().item<double>());
            count.add_(1);
            update(0, decay_size, grads.to(at::kDouble) * clip, 0.1);
            update(decay_size, size, grads.to(at::kDouble) * clip, 0);
          }
          // Twenty roundings of float32; moments are sums of gradients that may cancel.
          CHECK(difference(ours.weights, weights) <= 2e-6);
          CHECK((ours.m - m).abs().max().item<double>() <= 1e-6 * largest);
          CHECK((ours.v - v).abs().max().item<double>() <= 1e-6 * largest * largest);
          CHECK(ours.updates.item<double>() == 20);
          CHECK(ours.compute.equal(ours.weights.to(at::kBFloat16)));
        });
      }
    }
  }
}

TEST_CASE("an update from gradients or a loss that is not finite changes nothing") {
  at::manual_seed(kSeed);
  const AdamWStep settings{1e-2, 0.9, 0.95, 1e-8, 0.1, 10, 1.0};
  const Tensor start = normal({1000}), good = normal({1000});
  with_each_table([&](const Kernels& kernels) {
    Optimizer ours(start);
    ours.step(kernels, settings, good);
    const Tensors before = copies(ours.all());
    for (const double bad : {kNaN, kInfinity, -kInfinity}) {
      for (const std::int64_t place : {0, 500, 999}) {
        Tensor grads = good.clone();
        grads.data_ptr<float>()[place] = static_cast<float>(bad);
        ours.step(kernels, settings, grads);
        CHECK_FALSE(std::isfinite(ours.norm_squared.item<double>()));
        CHECK(same_bits(ours.all(), before));
      }
      ours.loss.fill_(bad);
      ours.step(kernels, settings, good);
      CHECK(same_bits(ours.all(), before));
      ours.loss.zero_();
    }
    Optimizer clean(start);
    clean.step(kernels, settings, good);
    clean.step(kernels, settings, good);
    ours.step(kernels, settings, good);
    CHECK(same_bits(ours.all(), clean.all()));
  });
}

TEST_CASE("a sum of gradients has float64's norm, and clears what was added") {
  at::manual_seed(kSeed);
  for (const std::int64_t size : kSizes) {
    for (const double scale : {1.0, 1e-25, 1e25}) {
      CAPTURE(kSeed, size, scale);
      const Tensor a = normal({size}).mul(scale), b = normal({size}).mul(scale);
      for (const Tensor& added : {Tensor(), b}) {
        const Tensor sum = added.defined() ? a + b : a;
        const Tensor want = sum.to(at::kDouble).square().sum();
        check_tables(1e-12, [&](const Kernels& kernels) {
          Tensor got = at::zeros({1}, at::kDouble), into = a.clone();
          Tensor from = added.defined() ? added.clone() : Tensor();
          kernels.reduce(into, from, got);
          CHECK(difference(got, want) <= 1e-12);
          CHECK(into.equal(sum));
          if (from.defined()) CHECK(from.equal(at::zeros_like(from)));
          return Tensors{got};
        });
      }
    }
  }
}

TEST_CASE("an average moves its share towards the weights") {
  at::manual_seed(kSeed);
  for (const std::int64_t size : kSizes) {
    CAPTURE(kSeed, size);
    const Tensor start = normal({size});
    const std::vector<Tensor> weights = {normal({size}), normal({size}), normal({size})};
    check_tables(1e-6, [&](const Kernels& kernels) {
      Tensor average = start.clone(), want = start.to(at::kDouble);
      const Tensor finite = at::zeros({1}, at::kDouble);
      for (const Tensor& w : weights) {
        kernels.ema(average, w, 0.99, finite, finite);
        for (const double bad : {kNaN, kInfinity}) {
          kernels.ema(average, w, 0.5, finite, at::full({1}, bad, at::kDouble));
          kernels.ema(average, w, 0.5, at::full({1}, bad, at::kDouble), finite);
        }
        want = 0.99 * want + 0.01 * w.to(at::kDouble);
      }
      CHECK(difference(average, want) <= 1e-6);
      return Tensors{average};
    });
  }
}

TEST_CASE("rounding to bfloat16 is to nearest even for every exponent, NaN stays NaN") {
  std::vector<float> values;
  for (std::uint32_t high = 0; high < 0x10000; high += 3) {
    for (const std::uint32_t low : {0u, 1u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu}) {
      values.push_back(std::bit_cast<float>(high << 16 | low));
    }
  }
  values.push_back(std::numeric_limits<float>::max());
  Tensor from = at::empty({std::ssize(values)});
  std::copy(values.begin(), values.end(), from.data_ptr<float>());
  with_each_table([&](const Kernels& kernels) {
    Optimizer still(from);  // at a learning rate of 0
    still.step(kernels, {0, 0.9, 0.95, 1e-8, 0, 0, 0}, at::zeros_like(from));
    const auto* got = still.compute.data_ptr<at::BFloat16>();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(values[i]);
      if (std::isnan(values[i])) {
        wrong += !std::isnan(static_cast<float>(got[i]));
        continue;
      }
      const std::uint32_t below = bits & 0xFFFFu, kept = bits >> 16;
      const bool up = below > 0x8000u || (below == 0x8000u && (kept & 1u));
      wrong += got[i].x != kept + up;
    }
    CHECK(wrong == 0);
  });
}

}  // namespace llmops::tensor
