#include "eval/stories.h"

#include <string>
#include <vector>

#include "data/stories.h"
#include "data/synth.h"
#include "tests/catch.h"

namespace llmops::eval {
namespace {

TEST_CASE("sentences of the training text parse and are not new") {
  recipe::Synth synth;
  synth.kind = "stories";
  synth.documents = 20;
  const std::vector<std::string> texts{data::synth_document(synth, 3)};
  const auto score = score_stories(texts, synth);
  REQUIRE(score);
  CHECK(score->parse_rate == 1);
  CHECK(score->novel_rate == 0);
}

TEST_CASE("a sentence that is not of the grammar is new and does not parse") {
  recipe::Synth synth;
  synth.kind = "stories";
  synth.documents = 20;
  const std::string known = data::split_sentences(data::synth_document(synth, 0)).front();
  const std::vector<std::string> texts{known + " Nonsense words here."};
  const auto score = score_stories(texts, synth);
  REQUIRE(score);
  CHECK(score->parse_rate == 0.5);
  CHECK(score->novel_rate == 0.5);
}

TEST_CASE("a text without a sentence has no score") {
  const std::vector<std::string> texts{"no full stop"};
  CHECK_FALSE(score_stories(texts, recipe::Synth{}));
}

}  // namespace
}  // namespace llmops::eval
