#include "tensor/generate/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace llmops::tensor {

namespace {

double log_sum_exp(std::span<const float> logits) {
  const float top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(static_cast<double>(logit) - top);
  return static_cast<double>(top) + std::log(sum);
}

// The ids that remain after top-k and top-p, most likely first, with their weights.
struct Candidates {
  std::vector<std::int32_t> ids;
  std::vector<double> weights;
};

Candidates candidates(std::span<const float> logits, const engine::SamplingParams& params) {
  Candidates kept;
  kept.ids.resize(logits.size());
  std::iota(kept.ids.begin(), kept.ids.end(), 0);
  const auto more_likely = [&](std::int32_t a, std::int32_t b) {
    const float la = logits[static_cast<std::size_t>(a)], lb = logits[static_cast<std::size_t>(b)];
    return la != lb ? la > lb : a < b;
  };
  const bool cut_k = params.top_k > 0 && params.top_k < std::ssize(kept.ids);
  if (cut_k) {
    std::partial_sort(kept.ids.begin(), kept.ids.begin() + params.top_k, kept.ids.end(),
                      more_likely);
    kept.ids.resize(static_cast<std::size_t>(params.top_k));
  } else if (params.top_p < 1) {
    std::sort(kept.ids.begin(), kept.ids.end(), more_likely);
  }
  const double top = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (std::int32_t id : kept.ids) {
    const double logit = logits[static_cast<std::size_t>(id)];
    kept.weights.push_back(std::exp((logit - top) / params.temperature));
    total += kept.weights.back();
  }
  if (params.top_p < 1) {
    double sum = 0;
    std::size_t count = 0;
    while (count < kept.ids.size() && sum < params.top_p * total) sum += kept.weights[count++];
    kept.ids.resize(std::max<std::size_t>(1, count));
    kept.weights.resize(kept.ids.size());
  }
  return kept;
}

}  // namespace

Sampled sample(std::span<const float> logits, const engine::SamplingParams& params,
               std::int64_t position) {
  const double normalizer = log_sum_exp(logits);
  if (!std::isfinite(normalizer)) {
    throw Error(ExitCode::kDiverged, "the model's scores of the next token are not finite")
        .hint("the model has diverged; use an earlier checkpoint");
  }
  const bool some = params.tokens > 0 && params.tokens < std::ssize(logits);
  const auto drawn_from = some ? logits.first(static_cast<std::size_t>(params.tokens)) : logits;
  const auto finish = [&](std::int32_t token) {
    return Sampled{token, static_cast<float>(logits[static_cast<std::size_t>(token)] - normalizer)};
  };
  if (params.temperature <= 0) {
    return finish(static_cast<std::int32_t>(std::max_element(drawn_from.begin(), drawn_from.end()) -
                                            drawn_from.begin()));
  }
  const Candidates kept = candidates(drawn_from, params);
  Random random(params.seed, RandomStream::kSampling, static_cast<std::uint64_t>(position));
  double left = random.uniform() * std::accumulate(kept.weights.begin(), kept.weights.end(), 0.0);
  for (std::size_t i = 0; i < kept.ids.size(); ++i) {
    left -= kept.weights[i];
    if (left < 0) return finish(kept.ids[i]);
  }
  return finish(kept.ids.back());
}

}  // namespace llmops::tensor
