#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include <array>
#include <cmath>
#include <string_view>

#include "tensor/generate/decoder.h"
#include "tensor/generate/language_model.h"
#include "tests/unit/tensor/generate/answers.h"
#include "tests/unit/tensor/model/golden.h"
#include "tests/unit/tensor/model/models.h"
#include "tests/unit/tensor/model/passes.h"
#include "tests/unit/tensor/tables.h"

namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 40;

Ids random_ids(const arch::TransformerConfig& config, std::int64_t count) {
  return random_batch(config, 1, count, kSeed).inputs;
}

std::vector<float> to_vector(const Tensor& logits) {
  const Tensor host = logits.cpu().contiguous();
  return {host.data_ptr<float>(), host.data_ptr<float>() + host.numel()};
}

// The logits after the last id, computed without a cache.
std::vector<float> last_logits(const Kernels& kernels, Weights& weights, const Ids& ids) {
  return to_vector(forward_logits(kernels, weights, ids).select(0, std::ssize(ids) - 1));
}

// The logits after each text, by passes of the sizes given, of one text.
std::vector<std::vector<float>> by_cache(Weights& weights, const Ids& ids,
                                         const std::vector<std::int64_t>& sizes) {
  Decoder decoder(weights.config(), weights.tensors(), weights.bf16());
  KvPool pool(weights.config(), KvPool::Lifetime::kSequence, 4, decoder.act_options());
  const Pages pages(pool, std::ssize(ids));
  std::vector<std::vector<float>> logits;
  std::int64_t start = 0;
  for (const std::int64_t size : sizes) {
    const Piece piece{
        std::span(ids).subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(size)),
        start, pages.list()};
    decoder.run(std::array{piece}, pool, 1);
    start += size;
    for (std::int32_t row = 0; row < size; ++row) {
      logits.push_back(to_vector(decoder.logits(std::array{row})));
    }
  }
  return logits;
}

// The largest difference of logits, by the cache and without it, over the largest logit: a prompt
// of 3 is read at once and the rest one id at a time.
double cache_difference(const Kernels& kernels, const NamedConfig& shape, bool bf16) {
  Weights weights(shape.config, at::Device(at::kCPU), bf16);
  randomize(weights, kSeed);
  const Ids ids = random_ids(shape.config, 20);
  std::vector<std::int64_t> sizes{3};
  sizes.resize(18, 1);
  const auto logits = by_cache(weights, ids, sizes);
  double worst = 0;
  for (std::size_t n = 1; n <= ids.size(); ++n) {
    const auto want =
        last_logits(kernels, weights, {ids.begin(), ids.begin() + static_cast<long>(n)});
    worst = std::max(worst, difference(at::tensor(logits[n - 1]), at::tensor(want)));
  }
  return worst;
}

}  // namespace

TEST_CASE("logits by the cache are those of the whole text") {
  const at::NoGradGuard no_grad;
  for (const NamedConfig& shape : every_shape()) {
    with_each_table([&](const Kernels& kernels) {
      CAPTURE(kSeed, shape.name);
      // Of the largest logit; measured: 1.6e-6, and 1.9e-2 with the 8 bits of bfloat16.
      CHECK(cache_difference(kernels, shape, false) <= 5e-6);
      CHECK(cache_difference(kernels, shape, true) <= 4e-2);
    });
  }
}

TEST_CASE("on the CPU's kernels it makes no difference how a text is cut into passes") {
  const at::NoGradGuard no_grad;
  for (const NamedConfig& shape : every_shape()) {
    for (const bool bf16 : {false, true}) {
      Weights weights(shape.config, at::Device(at::kCPU), bf16);
      randomize(weights, kSeed);
      with_each_table([&](const Kernels& kernels) {
        if (std::string_view(kernels.name) == "aten" || cpu::isa() == cpu::Isa::kAmx) return;
        CAPTURE(kSeed, shape.name, bf16);
        const Ids ids = random_ids(shape.config, 30);
        const auto want = by_cache(weights, ids, {30});
        CHECK(by_cache(weights, ids, {29, 1}) == want);
        CHECK(by_cache(weights, ids, {1, 7, 2, 20}) == want);
        CHECK(by_cache(weights, ids, std::vector<std::int64_t>(30, 1)) == want);
      });
    }
  }
}

TEST_CASE("greedy ids by the cache are the most likely ones of the whole text") {
  for (const NamedConfig& shape : every_shape()) {
    Weights weights(shape.config, at::Device(at::kCPU), false);
    randomize(weights, kSeed);
    with_each_table([&](const Kernels& kernels) {
      CAPTURE(kSeed, shape.name);
      const auto model = make_model(shape.config, weights.tensors(), false);
      Ids text = random_ids(shape.config, 4);
      const Answer answer = answer_of(*model, greedy(text, 30));
      REQUIRE(answer.ids.size() == 30);
      for (std::size_t i = 0; i < answer.ids.size(); ++i) {
        std::vector<float> logits = last_logits(kernels, weights, text);
        const auto best = std::max_element(logits.begin(), logits.end());
        REQUIRE(answer.ids[i] == best - logits.begin());
        double sum = 0;
        for (float logit : logits) sum += std::exp(static_cast<double>(logit) - *best);
        CHECK(answer.logprobs[i] == Approx(-std::log(sum)).margin(1e-5));
        text.push_back(answer.ids[i]);
      }
    });
  }
}

TEST_CASE("greedy continuations equal transformers'") {
  for (const std::string name : {"gpt2", "gpt2_no_bias", "llama", "mistral"}) {
    Golden golden = load_golden(name);
    const auto ids = [&](const char* key) {
      Ids list;
      for (const Json& id : golden.json.at("greedy").at(key).as_array()) {
        list.push_back(static_cast<std::int32_t>(id.as_int()));
      }
      return list;
    };
    const Ids want = ids("ids");
    with_each_table([&](const Kernels&) {
      CAPTURE(name);
      const auto model = make_model(golden.config, golden.weights->tensors(), false);
      CHECK(answer_of(*model, greedy(ids("prompt"), std::ssize(want))).ids == want);
    });
  }
}

TEST_CASE("a text that fills the model ends, or continues from its newer half") {
  for (const NamedConfig& shape : every_shape()) {
    Weights weights(shape.config, at::Device(at::kCPU), false);
    randomize(weights, kSeed);
    CAPTURE(kSeed, shape.name);
    const auto model = make_model(shape.config, weights.tensors(), false);
    const std::int64_t most = model->max_length();
    Ids text = random_ids(shape.config, most - 1);
    const Answer ended = answer_of(*model, greedy(text, 2 * most));
    CHECK(ended.finish == engine::FinishReason::kLength);
    CHECK(std::ssize(ended.ids) == 1);
    engine::GenerateRequest request = greedy(text, 2 * most);
    request.slide = true;
    const Answer answer = answer_of(*model, request);
    CHECK(answer.finish == engine::FinishReason::kLength);
    REQUIRE(std::ssize(answer.ids) == 2 * most);
    CHECK(answer.ids.front() == ended.ids.front());
    std::int64_t start = 0;
    for (const std::int32_t id : answer.ids) {
      if (std::ssize(text) - start > most) start = std::ssize(text) - most / 2;
      const auto logits = last_logits(cpu_kernels(), weights, {text.begin() + start, text.end()});
      REQUIRE(id == std::max_element(logits.begin(), logits.end()) - logits.begin());
      text.push_back(id);
    }
  }
}

}  // namespace llmops::tensor
