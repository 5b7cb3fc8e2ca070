#include <cmath>
#include <optional>

#include "tensor/generate/language_model.h"
#include "tests/errors.h"
#include "tests/unit/tensor/generate/answers.h"
#include "tests/unit/tensor/model/models.h"
#include "tests/unit/tensor/model/passes.h"
#include "tests/unit/tensor/tables.h"

namespace llmops::tensor {

namespace {

constexpr std::uint64_t kSeed = 43;

Ids ids_of(const arch::TransformerConfig& config, std::int64_t count, std::uint64_t seed) {
  return random_batch(config, 1, count, seed).inputs;
}

// Of a token after the text before it, from the logits of the whole text.
struct Wanted {
  double logprob = 0;
  bool best = true;
};
std::vector<Wanted> from_logits(const Kernels& kernels, Weights& weights, const Ids& text,
                                std::size_t first) {
  const Tensor logits = forward_logits(kernels, weights, text);
  std::vector<Wanted> wanted;
  for (std::size_t i = first; i < text.size(); ++i) {
    const float* row = logits.data_ptr<float>() + static_cast<std::int64_t>(i - 1) * logits.size(1);
    double sum = 0;
    const float own = row[text[i]];
    bool best = true;
    for (std::int64_t v = 0; v < logits.size(1); ++v) {
      sum += std::exp(static_cast<double>(row[v]));
      best = best && row[v] <= own;
    }
    wanted.push_back({own - std::log(sum), best});
  }
  return wanted;
}

engine::ScoreRequest request_for(const arch::TransformerConfig& config) {
  engine::ScoreRequest request;
  request.prefix = ids_of(config, 9, 1);
  request.continuations = {ids_of(config, 1, 2), ids_of(config, 5, 3), ids_of(config, 5, 3),
                           ids_of(config, 8, 4)};
  request.prefix_logprobs = true;
  return request;
}

void check_equal(const engine::ScoreEvent& a, const engine::ScoreEvent& b) {
  CHECK(a.prefix_logprobs == b.prefix_logprobs);
  REQUIRE(a.continuations.size() == b.continuations.size());
  for (std::size_t i = 0; i < a.continuations.size(); ++i) {
    CHECK(a.continuations[i].logprobs == b.continuations[i].logprobs);
    CHECK(a.continuations[i].greedy == b.continuations[i].greedy);
  }
}

}  // namespace

TEST_CASE("scores of continuations are those of each text by itself") {
  for (const NamedConfig& shape : every_shape()) {
    Weights weights(shape.config, at::Device(at::kCPU), false);
    randomize(weights, kSeed);
    with_each_table([&](const Kernels& kernels) {
      CAPTURE(kSeed, shape.name);
      const auto model = make_model(shape.config, weights.tensors(), false);
      engine::ScoreRequest request = request_for(shape.config);
      // One continuation that is greedy.
      request.continuations.push_back(answer_of(*model, greedy(request.prefix, 4)).ids);
      const engine::ScoreEvent scores = score_of(*model, request);
      REQUIRE(scores.continuations.size() == request.continuations.size());
      for (std::size_t i = 0; i < scores.continuations.size(); ++i) {
        const engine::ContinuationScore& got = scores.continuations[i];
        Ids text = request.prefix;
        text.insert(text.end(), request.continuations[i].begin(), request.continuations[i].end());
        const auto want = from_logits(kernels, weights, text, request.prefix.size());
        REQUIRE(got.logprobs.size() == want.size());
        bool all_best = true;
        double sum = 0;
        for (std::size_t t = 0; t < want.size(); ++t) {
          CHECK(got.logprobs[t] == Approx(want[t].logprob).margin(1e-5));
          all_best = all_best && want[t].best;
          sum += want[t].logprob;
        }
        CHECK(got.greedy == all_best);
        CHECK(got.logprob() == Approx(sum).margin(1e-4));
      }
      CHECK(scores.continuations.back().greedy);
      const auto of_prefix = from_logits(kernels, weights, request.prefix, 1);
      REQUIRE(scores.prefix_logprobs.size() == of_prefix.size());
      for (std::size_t t = 0; t < of_prefix.size(); ++t) {
        CHECK(scores.prefix_logprobs[t] == Approx(of_prefix[t].logprob).margin(1e-5));
      }
    });
  }
}

TEST_CASE("scores do not depend on the budget of a step, nor on the other requests") {
  const arch::TransformerConfig config = every_shape().front().config;
  Weights weights(config, at::Device(at::kCPU), false);
  randomize(weights, kSeed);
  const auto model = make_model(config, weights.tensors(), false);
  const engine::ScoreRequest request = request_for(config);
  const engine::ScoreEvent alone = score_of(*model, request);
  for (const std::int64_t budget : {1, 2, 7, 1000}) {
    CAPTURE(budget);
    check_equal(score_of(*model, request, budget), alone);
    for (int i = 0; i < 3; ++i) model->submit(greedy(ids_of(config, 4, 9), 10));
    check_equal(score_of(*model, request, budget), alone);
  }
}

TEST_CASE("a request that has no memory waits for the others, and the answers are the same") {
  const arch::TransformerConfig config = every_shape().front().config;
  Weights weights(config, at::Device(at::kCPU), false);
  randomize(weights, kSeed);
  const auto model = make_model(config, weights.tensors(), false);
  const engine::ScoreEvent alone = score_of(*model, request_for(config));
  const Answer answer = answer_of(*model, greedy(ids_of(config, 4, 9), 10));
  // A page is 64 tokens of both layers, D and the padded D floats each: five are enough for the
  // scores, which are then alone.
  const std::int64_t page = config.layers * 64 * config.kv_heads * 4 * (config.head_dim + 16);
  const auto small = make_model(config, weights.tensors(), false, 5 * page);
  std::vector<engine::RequestId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(small->submit(greedy(ids_of(config, 4, 9), 10)));
  check_equal(score_of(*small, request_for(config)), alone);
  ids.clear();
  small->submit(request_for(config));
  Answers answers;
  for (int i = 0; i < 7; ++i) ids.push_back(small->submit(greedy(ids_of(config, 4, 9), 10)));
  while (step(*small, answers)) {
  }
  for (const engine::RequestId id : ids) CHECK(answers.at(id).ids == answer.ids);
  const auto tiny = make_model(config, weights.tensors(), false, page);
  CHECK_THAT(error_text([&] { tiny->submit(request_for(config)); }),
             ContainsSubstring("there is memory for 64"));
}

TEST_CASE("a request that fails ends alone") {
  const arch::TransformerConfig config = every_shape().front().config;
  Weights weights(config, at::Device(at::kCPU), false);
  randomize(weights, kSeed);
  const auto model = make_model(config, weights.tensors(), false);
  const Answer whole = answer_of(*model, greedy({1, 2, 3}, 8));
  // The embedding of one id is not finite, and is not tied to the head's.
  ModelTensors broken = weights.tensors();
  broken.token_embedding = broken.token_embedding.clone();
  broken.token_embedding.select(0, 7).fill_(std::nanf(""));
  const auto bad = make_model(config, broken, false);
  const auto good = bad->submit(greedy({1, 2, 3}, 8));
  const auto fails = bad->submit(greedy({1, 7}, 8));
  engine::ScoreRequest scores{{1, 7}, {{2, 3}}};
  const auto fails_too = bad->submit(scores);
  Answers answers;
  std::vector<engine::ScoreEvent> scored;
  std::optional<Error> error;
  const engine::StepOptions options{100, [&](const auto& event) { scored.push_back(event); }};
  const auto on_token = [&](const engine::TokenEvent& event) {
    if (event.token) answers[event.request].ids.push_back(*event.token);
    answers[event.request].finish = event.finish;
    if (event.request == fails) error = event.error;
  };
  while (bad->step(on_token, options)) {
  }
  CHECK(answers.at(good).ids == whole.ids);
  CHECK(answers.at(fails).finish == engine::FinishReason::kError);
  REQUIRE(error);
  CHECK(error->code() == ExitCode::kDiverged);
  REQUIRE(scored.size() == 1);
  CHECK(scored.front().request == fails_too);
  CHECK(scored.front().finish == engine::FinishReason::kError);
}

TEST_CASE("64 requests of mixed lengths that join and leave answer as each would alone") {
  for (const NamedConfig& shape : every_shape()) {
    Weights weights(shape.config, at::Device(at::kCPU), false);
    randomize(weights, kSeed);
    CAPTURE(kSeed, shape.name);
    const auto model = make_model(shape.config, weights.tensors(), false);
    std::vector<engine::GenerateRequest> requests;
    for (std::int64_t i = 0; i < 64; ++i) {
      auto request =
          greedy(ids_of(shape.config, 1 + i % 23, static_cast<std::uint64_t>(i)), 1 + 3 * (i % 9));
      request.sampling.temperature = i % 3 ? 0.8 : 0;
      request.sampling.seed = static_cast<std::uint64_t>(i);
      requests.push_back(request);
    }
    std::vector<Answer> alone;
    for (const auto& request : requests) alone.push_back(answer_of(*model, request));
    Answers together;
    std::vector<engine::RequestId> ids;
    for (const auto& request : requests) {
      ids.push_back(model->submit(request));
      if (ids.size() % 2 == 0) step(*model, together, {20, {}});
    }
    while (step(*model, together, {20, {}})) {
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      CHECK(together.at(ids[i]).ids == alone[i].ids);
      CHECK(together.at(ids[i]).logprobs == alone[i].logprobs);
    }
  }
}

}  // namespace llmops::tensor
