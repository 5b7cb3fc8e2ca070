#include "command/story_score.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/signal.h"
#include "data/stories.h"
#include "data/synth.h"

namespace llmops::command {

void score_stories(const TrainSetup& setup, TrainHost& host) {
  const auto& sources = setup.recipe().data.train;
  const auto stories = std::find_if(sources.begin(), sources.end(), [](const auto& source) {
    return source.synth && source.synth->kind == "stories";
  });
  if (stories == sources.end() || host.last_samples().empty()) return;
  std::vector<std::string> written;
  for (const std::string& text : host.last_samples()) {
    for (std::string& sentence : data::split_sentences(text)) {
      written.push_back(std::move(sentence));
    }
  }
  std::set<std::string> unseen(written.begin(), written.end());
  for (std::int64_t i = 0; i < stories->synth->documents && !unseen.empty(); ++i) {
    throw_if_stop_requested("scoring the samples");
    for (const std::string& sentence :
         data::split_sentences(data::synth_document(*stories->synth, i))) {
      unseen.erase(sentence);
    }
  }
  const auto sentences = static_cast<double>(written.size());
  double parsed = 0, novel = 0;
  for (const std::string& sentence : written) {
    parsed += data::stories_parse(sentence);
    novel += unseen.count(sentence) > 0;
  }
  if (sentences == 0) return;
  const std::int64_t step = host.last_sample_step();
  host.log("sample/parse_rate", step, parsed / sentences);
  host.log("sample/novel_rate", step, novel / sentences);
}

}  // namespace llmops::command
