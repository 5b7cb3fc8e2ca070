#include "checkpoint/train_state.h"

#include <cmath>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/file_names.h"

namespace llmops::checkpoint {

namespace {

// 2: rows instead of micro batches as the data cursor.
constexpr std::int64_t kFormat = 2;
constexpr std::int64_t kMost = 1'000'000'000'000'000;  // steps and rows; tokens: a thousand times
constexpr std::int64_t kMostEntries = 1'000'000;       // of a list, as the recipe bounds them

std::int64_t count(const Json& json, std::string_view key, std::int64_t low, std::int64_t high) {
  const std::int64_t value = json.at(key).as_int();
  if (value < low || value > high) {
    throw damaged("{} is {}, not in {} to {}", key, value, low, high);
  }
  return value;
}

double finite(const Json& json, std::string_view key) {
  const double value = json.as_double();
  if (!std::isfinite(value)) throw damaged("{} is not a finite number", key);
  return value;
}

const Json::Array& list(const Json& json, std::string_view key) {
  const Json::Array& values = json.at(key).as_array();
  if (std::ssize(values) > kMostEntries) throw damaged("{} has {} entries", key, values.size());
  return values;
}

}  // namespace

Json TrainState::to_json() const {
  Json kept = Json::array(), losses = Json::array();
  for (const BestStep& entry : best) {
    kept.push(Json::object().set("step", entry.step).set("value", entry.value));
  }
  for (const double loss : guard.window) losses.push(loss);
  return Json::object()
      .set("format", kFormat)
      .set("step", step)
      .set("rows", rows)
      .set("skipped_rows", skipped_rows)
      .set("tokens", tokens)
      .set("last_eval_step", last_eval_step)
      .set("last_sample_step", last_sample_step)
      .set("good_step", good_step)
      .set("evals_without_gain", evals_without_gain)
      .set("best_value", best_value)
      .set("rollbacks", rollbacks)
      .set("seconds", seconds)
      .set("best", std::move(kept))
      .set("guard",
           Json::object().set("window", std::move(losses)).set("bad_in_a_row", guard.bad_in_a_row));
}

TrainState TrainState::from_json(const Json& json) {
  const Json* format = json.find("format");
  if (!format || *format != Json(kFormat)) {
    throw damaged("the training state has format {}, this llmops resumes from format {}",
                  format ? format->dump() : "1", kFormat)
        .hint("start a new run from these weights with model.path");
  }
  TrainState state;
  state.step = count(json, "step", 0, kMost);
  state.rows = count(json, "rows", 0, kMost);
  state.skipped_rows = count(json, "skipped_rows", 0, state.rows);
  state.tokens = count(json, "tokens", 0, 1000 * kMost);
  state.last_eval_step = count(json, "last_eval_step", -1, state.step);
  state.last_sample_step = count(json, "last_sample_step", -1, state.step);
  state.last_save_step = state.step;
  state.good_step = count(json, "good_step", -1, state.step);
  state.evals_without_gain = count(json, "evals_without_gain", 0, kMost);
  if (const Json& best = json.at("best_value"); !best.is_null()) {
    state.best_value = finite(best, "best_value");
  }
  state.rollbacks = count(json, "rollbacks", 0, kMost);
  state.seconds = finite(json.at("seconds"), "seconds");
  if (state.seconds < 0) throw damaged("seconds is negative");
  for (const Json& entry : list(json, "best")) {
    state.best.push_back({count(entry, "step", 0, state.step), finite(entry.at("value"), "value")});
  }
  const Json& guard = json.at("guard");
  for (const Json& loss : list(guard, "window")) {
    state.guard.window.push_back(finite(loss, "guard.window"));
  }
  state.guard.bad_in_a_row = count(guard, "bad_in_a_row", 0, kMost);
  return state;
}

TrainState read_train_state(const std::string& folder) {
  const std::string path = join_path(folder, kTrainerFile);
  const Json json = load_json(path);
  try {
    return TrainState::from_json(json);
  } catch (Error& error) {
    throw error.at(path);
  }
}

}  // namespace llmops::checkpoint
