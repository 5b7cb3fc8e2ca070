// A checkpoint's state/trainer.json: what is accepted is bounded, and written as it was read.
#include "checkpoint/train_state.h"

#include "tests/fuzz/fuzz.h"

using llmops::Json;
using llmops::checkpoint::TrainState;
using llmops::fuzz::require;
using llmops::fuzz::returns;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  TrainState state;
  const auto read = [&] {
    state = TrainState::from_json(
        llmops::parse_json(llmops::fuzz::text_of(data, size), "trainer.json"));
  };
  if (!returns(read)) return 0;
  require(state.step >= 0 && state.skipped_rows <= state.rows, "counts are bounded");
  const std::string text = state.to_json().dump();
  const TrainState again = TrainState::from_json(llmops::parse_json(text, "trainer.json"));
  require(again.to_json().dump() == text, "what is written is read as the same");
  return 0;
}
