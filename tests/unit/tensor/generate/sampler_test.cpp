#include "tensor/generate/sampler.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "base/random.h"
#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops::tensor {

namespace {

using Params = engine::SamplingParams;

// Logits of these probabilities, in an order that is not theirs.
const std::vector<float> kLogits = {std::log(0.10f), std::log(0.50f), std::log(0.15f),
                                    std::log(0.25f)};
const std::vector<double> kProbabilities = {0.10, 0.50, 0.15, 0.25};

std::set<std::int32_t> drawn(const Params& params) {
  std::set<std::int32_t> ids;
  for (std::int64_t i = 0; i < 2000; ++i) ids.insert(sample(kLogits, params, i));
  return ids;
}

// Pearson's statistic of `draws` draws against the probabilities.
double chi_square(const std::vector<float>& logits, const std::vector<double>& probabilities,
                  const Params& params, std::int64_t draws) {
  std::vector<std::int64_t> counts(logits.size());
  for (std::int64_t i = 0; i < draws; ++i) {
    ++counts[static_cast<std::size_t>(sample(logits, params, i))];
  }
  double statistic = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = probabilities[i] * static_cast<double>(draws);
    if (expected == 0) {
      REQUIRE(counts[i] == 0);
      continue;
    }
    const double off = static_cast<double>(counts[i]) - expected;
    statistic += off * off / expected;
  }
  return statistic;
}

}  // namespace

TEST_CASE("temperature 0 takes the most likely token, the lower id of equal ones") {
  CHECK(sample(kLogits, {.temperature = 0}, 0) == 1);
  CHECK(sample(std::vector<float>{0, 3, 1, 3}, {.temperature = 0, .top_p = 0.1}, 5) == 1);
}

TEST_CASE("ids from `tokens` on are never drawn") {
  using Set = std::set<std::int32_t>;
  CHECK(drawn({.tokens = 1}) == Set{0});
  CHECK(drawn({.tokens = 3}) == Set{0, 1, 2});
  CHECK(drawn({.tokens = 9}) == Set{0, 1, 2, 3});
  CHECK(drawn({.temperature = 0, .tokens = 1}) == Set{0});
  CHECK(drawn({.top_k = 1, .tokens = 1}) == Set{0});
  CHECK(drawn({.top_p = 0.9, .tokens = 1}) == Set{0});
  // An id without a token may be the likeliest by far.
  const std::vector<float> padded = {0, 0, 1e30f};
  for (std::int64_t i = 0; i < 100; ++i) CHECK(sample(padded, {.tokens = 2}, i) < 2);
  CHECK(sample(padded, {.temperature = 0, .tokens = 2}, 0) == 0);
}

TEST_CASE("logits that are not finite are an error of the model") {
  const float nan = std::nanf(""), infinite = std::numeric_limits<float>::infinity();
  for (const std::vector<float>& logits :
       {std::vector<float>{0, nan, 1}, {nan, 0}, {0, nan}, {0, infinite}, {-infinite, -infinite}}) {
    for (const double temperature : {0.0, 1.0}) {
      CHECK_THAT(error_text([&] { sample(logits, {.temperature = temperature}, 0); }),
                 ContainsSubstring("not finite"));
    }
  }
  CHECK(sample(std::vector<float>{-infinite, 0}, {}, 0) == 1);
}

TEST_CASE("top-k leaves exactly the k most likely tokens, the lower ids of equal ones") {
  using Set = std::set<std::int32_t>;
  CHECK(drawn({.top_k = 1}) == Set{1});
  CHECK(drawn({.top_k = 2}) == Set{1, 3});
  CHECK(drawn({.top_k = 3}) == Set{1, 2, 3});
  CHECK(drawn({.top_k = 4}) == Set{0, 1, 2, 3});
  CHECK(drawn({.top_k = 9}) == Set{0, 1, 2, 3});
  const std::vector<float> flat(10, 1.0f);
  for (std::int64_t i = 0; i < 200; ++i) CHECK(sample(flat, {.top_k = 3}, i) < 3);
}

TEST_CASE("top-p leaves the smallest set that reaches it, after temperature and top-k") {
  using Set = std::set<std::int32_t>;
  CHECK(drawn({.top_p = 1e-9}) == Set{1});
  CHECK(drawn({.top_p = 0.49}) == Set{1});
  CHECK(drawn({.top_p = 0.51}) == Set{1, 3});
  CHECK(drawn({.top_p = 0.74}) == Set{1, 3});
  CHECK(drawn({.top_p = 0.76}) == Set{1, 2, 3});
  CHECK(drawn({.top_p = 0.91}) == Set{0, 1, 2, 3});
  // Of the three that top-k leaves, 0.5 / 0.9 and 0.25 / 0.9 make 0.83.
  CHECK(drawn({.top_k = 3, .top_p = 0.82}) == Set{1, 3});
  CHECK(drawn({.top_k = 3, .top_p = 0.84}) == Set{1, 2, 3});
  // At temperature 1/2 probabilities are squared: 0.72 and 0.18 of the first two.
  CHECK(drawn({.temperature = 0.5, .top_p = 0.72}) == Set{1});
  CHECK(drawn({.temperature = 0.5, .top_p = 0.73}) == Set{1, 3});
}

// The seeds are fixed, so these cannot fail by chance: 0.1 % points of chi-square.
TEST_CASE("draws follow the softmax of the logits") {
  CHECK(chi_square(kLogits, kProbabilities, {.seed = 3}, 40000) < 16.27);
  const double squared = 0.01 + 0.25 + 0.0225 + 0.0625;
  CHECK(chi_square(kLogits, {0.01 / squared, 0.25 / squared, 0.0225 / squared, 0.0625 / squared},
                   {.temperature = 0.5, .seed = 4}, 40000) < 16.27);
  CHECK(chi_square(kLogits, {0, 2.0 / 3, 0, 1.0 / 3}, {.top_k = 2, .seed = 5}, 40000) < 10.83);
  CHECK(chi_square(kLogits, {0, 2.0 / 3, 0, 1.0 / 3}, {.top_p = 0.7, .seed = 6}, 40000) < 10.83);

  Random random(7, RandomStream::kSynthetic);
  std::vector<float> logits;
  std::vector<double> probabilities;
  double sum = 0;
  for (int i = 0; i < 50; ++i) {
    logits.push_back(static_cast<float>(random.normal()));
    probabilities.push_back(std::exp(static_cast<double>(logits.back())));
    sum += probabilities.back();
  }
  for (double& p : probabilities) p /= sum;
  CHECK(chi_square(logits, probabilities, {.seed = 8}, 100000) < 85.35);  // 49 degrees
}

TEST_CASE("a draw depends on the seed and the position alone") {
  std::vector<std::int32_t> first, again, other_seed;
  for (std::int64_t i = 0; i < 100; ++i) first.push_back(sample(kLogits, {.seed = 1}, i));
  for (std::int64_t i = 99; i >= 0; --i) again.push_back(sample(kLogits, {.seed = 1}, i));
  CHECK(std::vector<std::int32_t>(again.rbegin(), again.rend()) == first);
  for (std::int64_t i = 0; i < 100; ++i) {
    other_seed.push_back(sample(kLogits, {.seed = 2}, i));
  }
  CHECK(other_seed != first);
}

TEST_CASE("extreme temperatures and logits stay numbers") {
  const std::vector<float> wide = {-1e30f, 3e4f, -3e4f, 2.9e4f};
  for (const double temperature : {1e-300, 1e-6, 1.0, 1e6, 1e300}) {
    for (std::int64_t i = 0; i < 50; ++i) {
      const std::int32_t token = sample(wide, {.temperature = temperature, .top_p = 0.9}, i);
      CHECK((token >= 0 && token < 4));
      if (temperature <= 1e-6) CHECK(token == 1);
    }
  }
}

}  // namespace llmops::tensor
