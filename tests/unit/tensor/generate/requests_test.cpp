#include <ATen/core/grad_mode.h>
#include <c10/core/CPUAllocator.h>

#include <cmath>
#include <new>

#include "tensor/generate/language_model.h"
#include "tests/errors.h"
#include "tests/unit/tensor/generate/answers.h"
#include "tests/unit/tensor/model/models.h"
#include "tests/unit/tensor/model/passes.h"
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

// While it lives, the allocation of that number (from 0) of host memory for tensors fails.
class FailingAllocation final : public c10::Allocator {
 public:
  explicit FailingAllocation(std::int64_t number) : left_(number), inner_(c10::GetCPUAllocator()) {
    c10::SetCPUAllocator(this);
  }
  ~FailingAllocation() override { c10::SetCPUAllocator(inner_); }
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  c10::DataPtr allocate(std::size_t bytes) override {
    if (left_-- == 0) throw std::bad_alloc();
    return inner_->allocate(bytes);
  }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    default_copy_data(to, from, count);
  }
  bool passed() const { return left_ < 0; }

 private:
  std::int64_t left_;
  c10::Allocator* inner_;
};

std::vector<engine::RequestId> submit_all(engine::Model& model,
                                          const std::vector<engine::GenerateRequest>& list) {
  std::vector<engine::RequestId> ids;
  for (const auto& request : list) ids.push_back(model.submit(request));
  return ids;
}

void check_equal(const Answers& answers, const std::vector<engine::RequestId>& ids,
                 const std::vector<Answer>& expected) {
  REQUIRE(answers.size() == ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(answers.at(ids[i]).ids == expected[i].ids);
    CHECK(answers.at(ids[i]).logprobs == expected[i].logprobs);
    CHECK(answers.at(ids[i]).finish == expected[i].finish);
  }
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
                   model.submit(engine::ScoreRequest{{1}, {{2, id}}});
                 }),
                 ContainsSubstring("outside the model's vocabulary"));
    }
    const Ids fits(static_cast<std::size_t>(model.max_length()), 1);
    CHECK_THAT(error_text([&] { model.submit(greedy(fits, 1)); }), ContainsSubstring("prompt"));
    CHECK_THAT(error_text([&] {
                 model.submit(engine::ScoreRequest{fits, {{1, 1}}});
               }),
               ContainsSubstring("longer than"));
    CHECK_THAT(error_text([&] {
                 model.submit(engine::ScoreRequest{{1}, {{1}, {}}});
               }),
               ContainsSubstring("without a token"));

    std::vector<float> losses(2);
    data::Batch batch = random_batch(shape.config, 1, 2, kSeed);
    batch.targets[1] = vocabulary;
    CHECK_THAT(error_text([&] { model.score(batch, losses); }),
               ContainsSubstring("outside the model's vocabulary"));
    Answers none;
    CHECK_FALSE(step(model, none));
  }
}

TEST_CASE("an allocation that fails costs no request a token: the next step goes on") {
  const arch::TransformerConfig config = every_shape().front().config;
  Loaded loaded(config);
  // The second runs into the end of its positions, and reads half of its text again.
  std::vector<engine::GenerateRequest> list{
      greedy({1, 2, 3}, 4), greedy(Ids(static_cast<std::size_t>(config.max_positions - 2), 5), 5)};
  list.back().slide = true;
  std::vector<Answer> expected;
  {
    Answers answers;
    const auto ids = submit_all(*loaded.model, list);
    while (step(*loaded.model, answers)) {
    }
    for (const auto id : ids) expected.push_back(answers.at(id));
  }
  bool failed = true;
  for (std::int64_t number = 0; failed; ++number) {
    CAPTURE(number);
    Answers answers;
    const auto ids = submit_all(*loaded.model, list);
    {
      const FailingAllocation failing(number);
      try {
        while (step(*loaded.model, answers)) {
        }
        failed = false;
      } catch (const std::bad_alloc&) {
      }
      REQUIRE(failing.passed() == failed);
    }
    while (failed && step(*loaded.model, answers)) {
    }
    check_equal(answers, ids, expected);
    if (number == 0) CHECK(failed);
  }
}

TEST_CASE("a callback that throws costs no request a token, and ends what had finished") {
  Loaded loaded(every_shape().front().config);
  engine::Model& model = *loaded.model;
  const std::vector<engine::GenerateRequest> list{greedy({1, 2, 3}, 3), greedy({4, 5}, 6),
                                                  greedy({6}, 2)};
  std::vector<Answer> expected;
  for (const auto& request : list) expected.push_back(answer_of(model, request));
  for (int at = 0; at < 3 + 6 + 2; ++at) {
    CAPTURE(at);
    Answers answers;
    const auto ids = submit_all(model, list);
    int events = 0;
    const auto on_token = [&](const engine::TokenEvent& event) {
      Answer& answer = answers[event.request];
      if (event.token) answer.ids.push_back(*event.token);
      if (event.token) answer.logprobs.push_back(event.logprob);
      answer.finish = event.finish;
      if (events++ == at) throw std::runtime_error("the reader has left");
    };
    bool more = true;
    while (more) {
      try {
        more = model.step(on_token);
      } catch (const std::runtime_error&) {
      }
    }
    CHECK(events == 3 + 6 + 2);
    check_equal(answers, ids, expected);
  }
}

TEST_CASE("a request submitted from a callback begins with the next step") {
  Loaded loaded(every_shape().front().config);
  engine::Model& model = *loaded.model;
  const Answer alone = answer_of(model, greedy({7, 8}, 4));
  Answers answers;
  engine::RequestId second = 0;
  model.submit(greedy({1, 2}, 1));
  while (model.step([&](const engine::TokenEvent& event) {
    if (second == 0) {
      second = model.submit(greedy({7, 8}, 4));
    } else {
      answers[event.request].ids.push_back(*event.token);
    }
  })) {
  }
  CHECK(answers.size() == 1);
  CHECK(answers.at(second).ids == alone.ids);
}

TEST_CASE("ids without a token are never generated, greedily or by chance") {
  for (const NamedConfig& shape : every_shape()) {
    Loaded loaded(shape.config);
    CAPTURE(kSeed, shape.name);
    for (const double temperature : {0.0, 100.0}) {
      engine::GenerateRequest request = greedy({1, 2, 3}, 40);
      request.sampling.temperature = temperature;
      request.sampling.tokens = 5;
      for (const std::int32_t id : answer_of(*loaded.model, request).ids) CHECK(id < 5);
    }
  }
}

TEST_CASE("scores are the log likelihoods that the logits give, whatever the batch") {
  for (const NamedConfig& shape : every_shape()) {
    Loaded loaded(shape.config);
    with_each_table([&](const Kernels& kernels) {
      CAPTURE(kSeed, shape.name);
      const auto model = make_model(shape.config, loaded.weights.tensors(), false);
      for (const std::int64_t rows : {1, 3}) {
        const data::Batch batch = random_batch(shape.config, rows, 11, kSeed);
        std::vector<float> losses(batch.targets.size());
        model->score(batch, losses);
        for (std::int64_t row = 0; row < rows; ++row) {
          const auto first = batch.inputs.begin() + row * 11;
          const Tensor logits = forward_logits(kernels, loaded.weights, Ids(first, first + 11));
          for (std::int64_t t = 0; t < 11; ++t) {
            const auto at = static_cast<std::size_t>(row * 11 + t);
            const float* scores = logits.data_ptr<float>() + t * shape.config.vocab_size;
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
