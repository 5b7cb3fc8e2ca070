#include "tensor/kernels/cpu/isa/parallel.h"
#include "tensor/kernels/cpu/isa/with_type.h"
#include "tensor/kernels/cpu/scratch.h"

namespace llmops::tensor::LLMOPS_ISA {
namespace {

using Doubles = double __attribute__((vector_size(8 * kLanes)));

constexpr Index kPart = 16384;  // elements of one partial sum, and grain of the flat loops

Vec sqrt(Vec x) {
  Vec root;
  for (int i = 0; i < kLanes; ++i) root[i] = __builtin_sqrtf(x[i]);
  return root;
}

BFloat16* bfloat16s(std::uint16_t* p) {
  return reinterpret_cast<BFloat16*>(p);
}

}  // namespace

double reduce(float* into, float* from, Index size) {
  const Index parts = ceil_div(size, kPart);
  double* sums = cpu::scratch_array<double>(cpu::Slot::kSums, parts);
  parallel_for(parts, 1, [&](Index first, Index last) {
    for (Index part = first; part < last; ++part) {
      float* x = into + part * kPart;
      float* y = from ? from + part * kPart : nullptr;
      Doubles sum{};
      each_vector(min(kPart, size - part * kPart), [&](Index i, Index n) {
        Vec total = load_n(x + i, n);
        if (y) {
          total += load_n(y + i, n);
          store_n(x + i, total, n);
          store_n(y + i, Vec{}, n);
        }
        const Doubles wide = __builtin_convertvector(total, Doubles);
        sum += wide * wide;
      });
      sums[part] = 0;
      for (int lane = 0; lane < kLanes; ++lane) sums[part] += sum[lane];
    }
  });
  double total = 0;
  for (Index part = 0; part < parts; ++part) total += sums[part];
  return total;
}

void adamw(const cpu::AdamWCall& call) {
  const Vec clip = splat(call.clip), beta1 = splat(call.beta1), beta2 = splat(call.beta2);
  const Vec one_minus_beta1 = splat(call.one_minus_beta1),
            one_minus_beta2 = splat(call.one_minus_beta2);
  const Vec rate = splat(call.rate), eps = splat(call.eps),
            inverse_root2 = splat(1 / call.bias_correction2_sqrt);
  const auto update = [&](Index begin, Index end, float keep_factor) {
    const Vec weight_keep = splat(keep_factor);
    each_vector(end - begin, [&](Index offset, Index n) {
      const Index i = begin + offset;
      const Vec g = load_n(call.grads + i, n) * clip;
      const Vec m = load_n(call.m + i, n) * beta1 + g * one_minus_beta1;
      const Vec v = load_n(call.v + i, n) * beta2 + g * g * one_minus_beta2;
      const Vec w =
          load_n(call.weights + i, n) * weight_keep - rate * m / (sqrt(v) * inverse_root2 + eps);
      store_n(call.m + i, m, n);
      store_n(call.v + i, v, n);
      store_n(call.weights + i, w, n);
      store_n(call.grads + i, Vec{}, n);
      if (call.compute) store_n(bfloat16s(call.compute) + i, w, n);
    });
  };
  parallel_for(call.size, kPart, [&](Index begin, Index end) {
    const Index decay_end = max(begin, min(end, call.decay_size));
    update(begin, decay_end, call.weight_keep);
    update(decay_end, end, 1.0f);
  });
}

void ema(float* average, const float* weights, Index size, float share) {
  parallel_for(size, kPart, [&](Index begin, Index end) {
    each_vector(end - begin, [&](Index i, Index n) {
      const Vec a = load_n(average + begin + i, n);
      store_n(average + begin + i, a + (load_n(weights + begin + i, n) - a) * splat(share), n);
    });
  });
}

}  // namespace llmops::tensor::LLMOPS_ISA
