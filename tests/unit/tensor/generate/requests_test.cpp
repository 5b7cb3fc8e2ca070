#include <ATen/core/grad_mode.h>

#include <cmath>

#include "tensor/generate/language_model.h"
#include "tests/errors.h"
#include "tests/unit/tensor/generate/answers.h"
#include "tests/unit/tensor/model/models.h"
#include "tests/unit/tensor/tables.h"

namespace llmops::tensor {

namespace {

using engine::FinishReason;

constexpr std::uint64_t kSeed = 41;

struct Loaded {
  explicit Loaded(const arch::TransformerConfig& config)
      : weights(config, at::Device(at::kCPU), false) {
    randomize(weights, kSeed);
    model = make_model(config, weights.tensors(), false);
  }
  Weights weights;
  std::unique_ptr<engine::Model> model;
};

// Prompts, lengths and ways of sampling that differ.
std::vector<engine::GenerateRequest> requests(const arch::TransformerConfig& config) {
  std::vector<engine::GenerateRequest> list;
  for (std::int64_t i = 0; i < 6; ++i) {
    auto request = greedy(random_batch(config, 1, 1 + 2 * i, static_cast<std::uint64_t>(i)).inputs,
                          3 + 5 * (i % 3));
    request.sampling = {.temperature = i % 2 ? 0.9 : 0.0,
                        .top_k = i == 3 ? 5 : 0,
                        .top_p = i == 5 ? 0.8 : 1.0,
                        .seed = static_cast<std::uint64_t>(i)};
    list.push_back(request);
  }
  return list;
}

}  // namespace

TEST_CASE("requests that join and leave between steps answer as each would alone") {
  for (const NamedConfig& shape : every_shape()) {
    Loaded loaded(shape.config);
    with_each_table([&](const Kernels&) {
      CAPTURE(kSeed, shape.name);
      const auto model = make_model(shape.config, loaded.weights.tensors(), false);
      std::vector<Answer> alone;
      for (const auto& request : requests(shape.config)) {
        alone.push_back(answer_of(*model, request));
      }
      Answers together;
      std::vector<engine::RequestId> ids;
      for (const auto& request : requests(shape.config)) {
        ids.push_back(model->submit(request));
        step(*model, together);
        if (ids.size() == 3) step(*model, together);
      }
      while (step(*model, together)) {
      }
      for (std::size_t i = 0; i < ids.size(); ++i) {
        CHECK(together.at(ids[i]).ids == alone[i].ids);
        CHECK(together.at(ids[i]).finish == FinishReason::kLength);
      }
    });
  }
}

TEST_CASE("a cancelled request ends with the next step and the others go on") {
  Loaded loaded(every_shape().front().config);
  engine::Model& model = *loaded.model;
  const Answer whole = answer_of(model, greedy({1, 2, 3}, 8));
  const auto stays = model.submit(greedy({1, 2, 3}, 8));
  const auto goes = model.submit(greedy({4, 5}, 8));
  const auto never_starts = model.submit(greedy({6}, 8));
  model.cancel(never_starts);
  model.cancel(12345);  // unknown: no harm
  Answers answers;
  step(model, answers);
  step(model, answers);
  model.cancel(goes);
  while (step(model, answers)) {
  }
  CHECK(answers.at(never_starts).finish == FinishReason::kCancelled);
  CHECK(answers.at(never_starts).ids.empty());
  CHECK(answers.at(goes).finish == FinishReason::kCancelled);
  CHECK(answers.at(goes).ids.size() == 2);
  CHECK(answers.at(stays).ids == whole.ids);
  CHECK_FALSE(step(model, answers));
}

TEST_CASE("a stop token ends the answer and is not part of it") {
  Loaded loaded(every_shape().front().config);
  const Ids whole = answer_of(*loaded.model, greedy({1, 2, 3}, 8)).ids;
  for (const std::int32_t stop : whole) {
    engine::GenerateRequest request = greedy({1, 2, 3}, 8);
    request.stop_tokens = {stop, 44};
    const Answer answer = answer_of(*loaded.model, request);
    CHECK(answer.finish == FinishReason::kStop);
    CHECK(answer.ids == Ids(whole.begin(), std::find(whole.begin(), whole.end(), stop)));
  }
}

TEST_CASE("an answer has at most max_tokens") {
  Loaded loaded(every_shape().front().config);
  for (const std::int64_t most : {0, 1, 7}) {
    const Answer answer = answer_of(*loaded.model, greedy({1, 2, 3}, most));
    CHECK(answer.finish == FinishReason::kLength);
    CHECK(std::ssize(answer.ids) == most);
  }
}

TEST_CASE("an empty prompt starts from the end token, or from token 0 without one") {
  arch::TransformerConfig config = every_shape().front().config;
  for (const std::int32_t start : {0, 7}) {
    if (start > 0) config.eos_token_id = start;
    Loaded loaded(config);
    CHECK(answer_of(*loaded.model, greedy({}, 5)).ids ==
          answer_of(*loaded.model, greedy({start}, 5)).ids);
  }
}

TEST_CASE("ids that the model does not have and texts that do not fit are refused") {
  for (const NamedConfig& shape : every_shape()) {
    CAPTURE(shape.name);
    Loaded loaded(shape.config);
    engine::Model& model = *loaded.model;
    const auto vocabulary = static_cast<std::int32_t>(shape.config.vocab_size);
    for (const std::int32_t id : {-1, vocabulary}) {
      CHECK_THAT(error_text([&] {
                   model.submit(greedy({1, id}, 1));
                 }),
                 ContainsSubstring("outside the model's vocabulary"));
      CHECK_THAT(error_text([&] {
                   model.logits(Ids{1, id});
                 }),
                 ContainsSubstring("outside the model's vocabulary"));
    }
    const Ids fits(static_cast<std::size_t>(model.max_length()), 1);
    const Ids too_long(fits.size() + 1, 1);
    CHECK_THAT(error_text([&] { model.submit(greedy(fits, 1)); }), ContainsSubstring("prompt"));
    CHECK(error_text([&] { model.logits(fits); }).empty());
    CHECK_THAT(error_text([&] { model.logits(too_long); }), ContainsSubstring("longer than"));

    std::vector<float> losses(2);
    data::Batch batch = random_batch(shape.config, 1, 2, kSeed);
    batch.targets[1] = vocabulary;
    CHECK_THAT(error_text([&] { model.score(batch, losses); }),
               ContainsSubstring("outside the model's vocabulary"));
    Answers none;
    CHECK_FALSE(step(model, none));
  }
}

TEST_CASE("scores are the log likelihoods that the logits give, whatever the batch") {
  for (const NamedConfig& shape : every_shape()) {
    Loaded loaded(shape.config);
    with_each_table([&](const Kernels&) {
      CAPTURE(kSeed, shape.name);
      const auto model = make_model(shape.config, loaded.weights.tensors(), false);
      for (const std::int64_t rows : {1, 3}) {
        const data::Batch batch = random_batch(shape.config, rows, 11, kSeed);
        std::vector<float> losses(batch.targets.size());
        model->score(batch, losses);
        for (std::int64_t row = 0; row < rows; ++row) {
          const auto first = batch.inputs.begin() + row * 11;
          const std::vector<float> logits = model->logits(Ids(first, first + 11));
          for (std::int64_t t = 0; t < 11; ++t) {
            const auto at = static_cast<std::size_t>(row * 11 + t);
            const float* scores = logits.data() + t * shape.config.vocab_size;
            double sum = 0;
            for (std::int64_t v = 0; v < shape.config.vocab_size; ++v) sum += std::exp(scores[v]);
            const std::int32_t target = batch.targets[at];
            const double want = target < 0 ? 0 : std::log(sum) - scores[target];
            CHECK(losses[at] == Approx(want).margin(1e-5));
          }
        }
      }
    });
  }
}

}  // namespace llmops::tensor
