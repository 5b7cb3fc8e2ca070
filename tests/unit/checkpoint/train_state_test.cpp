#include "checkpoint/train_state.h"

#include "base/error.h"
#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops::checkpoint {

namespace {

TrainState sample() {
  TrainState state;
  state.step = 12;
  state.rows = 200;
  state.skipped_rows = 8;
  state.tokens = 1234;
  state.last_eval_step = 10;
  state.last_sample_step = -1;
  state.last_save_step = 12;
  state.good_step = 11;
  state.evals_without_gain = 2;
  state.best_value = 1.25;
  state.best = {{10, 1.25}, {5, 1.5}};
  state.rollbacks = 1;
  state.seconds = 3.5;
  state.guard = {{2.0, 1.75}, 1};
  return state;
}

}  // namespace

TEST_CASE("a training state that is written is read as the same") {
  const Json json = sample().to_json();
  const TrainState read = TrainState::from_json(parse_json(json.dump(), "trainer.json"));
  CHECK(read.to_json() == json);
  CHECK(read.last_save_step == 12);
  CHECK(read.trained_rows() == 192);
}

TEST_CASE("a training state that no run can have written is damage that names the key") {
  const std::pair<const char*, Json> cases[] = {
      {"step", Json(-1)},
      {"step", Json(std::int64_t{1} << 60)},
      {"step", Json("12")},
      {"rows", Json(-5)},
      {"skipped_rows", Json(201)},
      {"tokens", Json(-1)},
      {"last_eval_step", Json(13)},
      {"last_sample_step", Json(-2)},
      {"good_step", Json(13)},
      {"evals_without_gain", Json(-1)},
      {"best_value", Json("NaN")},
      {"rollbacks", Json(-1)},
      {"seconds", Json(-0.5)},
      {"seconds", Json("Infinity")},
      {"best", Json(7)},
      {"best", Json::array().push(Json::object().set("step", 13).set("value", 1.0))},
      {"guard",
       Json::object().set("window", Json::array().push(Json("NaN"))).set("bad_in_a_row", 0)},
      {"guard", Json::object().set("window", Json::array()).set("bad_in_a_row", -1)},
  };
  for (const auto& [key, value] : cases) {
    CAPTURE(key, value.dump());
    Json json = sample().to_json();
    json.set(key, value);
    const auto error = error_of([&] { TrainState::from_json(json); });
    REQUIRE(error);
    CHECK(error->code() == ExitCode::kDamaged);
  }
  const Json whole = sample().to_json();
  for (const Json::Member& member : whole.as_object()) {
    CAPTURE(member.first);
    Json json = whole;
    std::erase_if(json.as_object(), [&](const Json::Member& m) { return m.first == member.first; });
    const auto error = error_of([&] { TrainState::from_json(json); });
    REQUIRE(error);
    CHECK(error->code() == ExitCode::kDamaged);
  }
}

TEST_CASE("the state of another format is refused with what can be done") {
  Json old = sample().to_json();
  std::erase_if(old.as_object(), [](const Json::Member& m) { return m.first == "format"; });
  CHECK(error_text([&] { TrainState::from_json(old); }) ==
        "damaged: the training state has format 1, this llmops resumes from format 2; start a new "
        "run from these weights with model.path");
}

}  // namespace llmops::checkpoint
