#include "command/story_score.h"

#include <algorithm>
#include <set>

#include "data/synth.h"

namespace llmops::command {

void score_stories(const TrainSetup& setup, TrainHost& host) {
  const auto& sources = setup.recipe().data.train;
  const auto stories = std::find_if(sources.begin(), sources.end(), [](const auto& source) {
    return source.synth && source.synth->kind == "stories";
  });
  if (stories == sources.end() || host.last_samples().empty()) return;
  std::set<std::string> known;
  for (std::int64_t i = 0; i < stories->synth->documents; ++i) {
    for (std::string& sentence : data::split_sentences(data::synth_document(*stories->synth, i))) {
      known.insert(std::move(sentence));
    }
  }
  double sentences = 0, parsed = 0, novel = 0;
  for (const std::string& text : host.last_samples()) {
    for (const std::string& sentence : data::split_sentences(text)) {
      ++sentences;
      parsed += data::stories_parse(sentence);
      novel += known.count(sentence) == 0;
    }
  }
  if (sentences == 0) return;
  const std::int64_t step = host.last_sample_step();
  host.log("sample/parse_rate", step, parsed / sentences);
  host.log("sample/novel_rate", step, novel / sentences);
}

}  // namespace llmops::command
