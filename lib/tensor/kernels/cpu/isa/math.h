#pragma once

#include "tensor/kernels/cpu/isa/vec.h"

// exp, erf and the activations on vectors, each within 2e-7 of the exact value relative to the
// larger of it and its argument (tests/unit/tensor/kernels/math_test).
namespace llmops::tensor::LLMOPS_ISA {

// 0 below -87.33; above 88.72 the largest float rather than infinity. Range reduction and
// polynomial as in Cephes' expf.
inline Vec exp(Vec x) {
  const Vec clamped = at_most(at_least(x, splat(-87.33654f)), splat(88.72283f));
  // Adding 1.5 * 2^23 rounds to an integer, which is then the low bits of the sum.
  const Vec shifted = clamped * 1.44269504f + 12582912.0f;
  const Vec n = shifted - 12582912.0f;
  const Vec r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  Vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const Vec scaled = cast<Vec>(cast<Words>(p) + (cast<Words>(shifted) << 23));
  return x < splat(-87.33654f) ? Vec{} : scaled;
}

inline Vec sigmoid(Vec x) {
  return 1.0f / (1.0f + exp(-x));
}

// erf by two minimax polynomials, joined at |x| = 475/512.
inline Vec erf(Vec x) {
  const Vec square = x * x;
  const Vec t = x < Vec{} ? -x : x;
  Vec tail =
      (t * -1.72853470e-5f + 3.83197126e-4f) * square + (t * -3.88396438e-3f + 2.42546219e-2f);
  tail = tail * t - 1.06777877e-1f;
  tail = tail * t - 6.34846687e-1f;
  tail = tail * t - 1.28717512e-1f;
  tail = 1.0f - exp(tail * t - t);
  tail = x < Vec{} ? -tail : tail;
  Vec centre = square * -5.96761703e-4f + 4.99119423e-3f;
  centre = centre * square - 2.67681349e-2f;
  centre = centre * square + 1.12819925e-1f;
  centre = centre * square - 3.76125336e-1f;
  centre = centre * square + 1.28379166e-1f;
  centre = centre * x + x;
  return t > splat(0.927734375f) ? tail : centre;
}

struct GeluTanh {
  // x (1 + tanh(u)) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
  static constexpr float kTwice = 1.5957691216f, kCube = 0.044715f;

  static Vec value(Vec x) { return x * sigmoid(kTwice * (x + kCube * x * x * x)); }
  static Vec slope(Vec x) {
    const Vec s = sigmoid(kTwice * (x + kCube * x * x * x));
    return s + x * s * (1.0f - s) * kTwice * (1.0f + 3.0f * kCube * x * x);
  }
};

struct Gelu {
  static Vec value(Vec x) { return 0.5f * x * (1.0f + erf(x * 0.70710678f)); }
  static Vec slope(Vec x) {
    return 0.5f * (1.0f + erf(x * 0.70710678f)) + x * 0.39894228f * exp(-0.5f * x * x);
  }
};

struct Silu {
  static Vec value(Vec x) { return x * sigmoid(x); }
  static Vec slope(Vec x) {
    const Vec s = sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
  }
};

}  // namespace llmops::tensor::LLMOPS_ISA
