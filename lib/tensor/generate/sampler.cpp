#include "tensor/generate/sampler.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/random.h"

// A vocabulary has 50,000 logits and more, and a step draws once for every running answer. The
// loops over all of them are written so that the compiler makes vectors of them, and only what can
// be drawn is sorted.
namespace llmops::tensor {

namespace {

// Integers that are in order when the floats are.
std::int32_t ordered(float x) {
  const auto bits = std::bit_cast<std::int32_t>(x);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

// Neither NaN nor infinite, but for tokens that are impossible.
bool are_scores(std::span<const float> logits) {
  const std::int32_t infinite = ordered(std::numeric_limits<float>::infinity());
  const std::int32_t impossible = ordered(-std::numeric_limits<float>::infinity());
  std::int32_t lowest = ordered(logits.front()), highest = lowest;
  for (float x : logits) {
    lowest = std::min(lowest, ordered(x));
    highest = std::max(highest, ordered(x));
  }
  return highest < infinite && highest > impossible && lowest >= impossible;
}

std::size_t most_likely(std::span<const float> logits) {
  std::int32_t highest = ordered(logits.front());
  for (float x : logits) highest = std::max(highest, ordered(x));
  std::size_t i = 0;
  while (ordered(logits[i]) != highest) ++i;
  return i;
}

// exp(x) for x <= 0, within 2e-7; 0 below -87. Cephes' expf, as in kernels/cpu/math.h.
float fast_exp(float x) {
  const float clamped = std::max(x, -87.33654f);
  const float shifted = clamped * 1.44269504f + 12582912.0f;  // rounds to an integer
  const float n = shifted - 12582912.0f;
  const float r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const std::uint32_t bits =
      std::bit_cast<std::uint32_t>(p) + (std::bit_cast<std::uint32_t>(shifted) << 23);
  return x < -87.33654f ? 0.0f : std::bit_cast<float>(bits);
}

// exp((logit - top) / temperature).
std::vector<float> weights_of(std::span<const float> logits, float top, double temperature) {
  std::vector<float> weights(logits.size());
  const auto scale = static_cast<float>(std::min(1 / temperature, 1e30));
  for (std::size_t i = 0; i < logits.size(); ++i) weights[i] = fast_exp((logits[i] - top) * scale);
  return weights;
}

std::int32_t draw(std::span<const float> weights, double uniform) {
  double left = uniform * std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    left -= static_cast<double>(weights[i]);
    if (left < 0) return static_cast<std::int32_t>(i);
  }
  return static_cast<std::int32_t>(weights.size() - 1);
}

class Candidates {
 public:
  Candidates(std::span<const float> logits, std::span<const float> weights)
      : logits_(logits), weights_(weights) {}

  // Whether one token is more likely than another.
  auto before() const {
    return [this](std::int32_t a, std::int32_t b) {
      const float la = logits_[static_cast<std::size_t>(a)];
      const float lb = logits_[static_cast<std::size_t>(b)];
      return la != lb ? la > lb : a < b;
    };
  }
  // The k most likely, in order.
  void keep_most_likely(std::int64_t k) {
    ids_.resize(logits_.size());
    std::iota(ids_.begin(), ids_.end(), 0);
    std::nth_element(ids_.begin(), ids_.begin() + (k - 1), ids_.end(), before());
    ids_.resize(static_cast<std::size_t>(k));
    std::sort(ids_.begin(), ids_.end(), before());
  }
  // All that a cut at top_p can keep, in order: those that are left out, at most V of them, have
  // less than 1 - top_p together.
  void keep_all_but_tail(double top_p) {
    const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    const double least = (1 - top_p) * total / static_cast<double>(weights_.size());
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (static_cast<double>(weights_[i]) >= least) ids_.push_back(static_cast<std::int32_t>(i));
    }
    std::sort(ids_.begin(), ids_.end(), before());
    total_ = total;
  }
  void cut(double top_p) {
    const double total = total_ > 0 ? total_ : sum();
    double reached = 0;
    std::size_t count = 0;
    while (count < ids_.size() && reached < top_p * total) reached += weight(ids_[count++]);
    ids_.resize(std::max<std::size_t>(1, count));
  }
  std::int32_t draw_one(double uniform) const {
    std::vector<float> kept;
    for (std::int32_t id : ids_) kept.push_back(weights_[static_cast<std::size_t>(id)]);
    return ids_[static_cast<std::size_t>(draw(kept, uniform))];
  }

 private:
  double weight(std::int32_t id) const {
    return static_cast<double>(weights_[static_cast<std::size_t>(id)]);
  }
  double sum() const {
    double total = 0;
    for (std::int32_t id : ids_) total += weight(id);
    return total;
  }

  std::span<const float> logits_, weights_;
  std::vector<std::int32_t> ids_;
  double total_ = 0;  // of all weights; 0: of the candidates
};

}  // namespace

std::int32_t sample(std::span<const float> logits, const engine::SamplingParams& params,
                    std::int64_t position) {
  if (!are_scores(logits)) {
    throw Error(ExitCode::kDiverged, "the model's scores of the next token are not finite")
        .hint("the model has diverged; use an earlier checkpoint");
  }
  const bool some = params.tokens > 0 && params.tokens < std::ssize(logits);
  const auto tokens = some ? logits.first(static_cast<std::size_t>(params.tokens)) : logits;
  const std::size_t best = most_likely(tokens);
  if (params.temperature <= 0) return static_cast<std::int32_t>(best);
  const std::vector<float> weights = weights_of(tokens, tokens[best], params.temperature);
  Random random(params.seed, RandomStream::kSampling, static_cast<std::uint64_t>(position));
  const double uniform = random.uniform();
  const bool cut_k = params.top_k > 0 && params.top_k < std::ssize(tokens);
  if (!cut_k && params.top_p >= 1) return draw(weights, uniform);
  Candidates candidates(tokens, weights);
  if (cut_k) {
    candidates.keep_most_likely(params.top_k);
  } else {
    candidates.keep_all_but_tail(params.top_p);
  }
  if (params.top_p < 1) candidates.cut(params.top_p);
  return candidates.draw_one(uniform);
}

}  // namespace llmops::tensor
