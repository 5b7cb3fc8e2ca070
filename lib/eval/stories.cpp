#include "eval/stories.h"

#include <set>
#include <vector>

#include "base/signal.h"
#include "data/stories.h"
#include "data/synth.h"

namespace llmops::eval {

std::optional<StoryScore> score_stories(std::span<const std::string> texts,
                                        const recipe::Synth& training) {
  std::vector<std::string> written;
  for (const std::string& text : texts) {
    for (std::string& sentence : data::split_sentences(text)) {
      written.push_back(std::move(sentence));
    }
  }
  if (written.empty()) return std::nullopt;
  std::set<std::string> unseen(written.begin(), written.end());
  for (std::int64_t i = 0; i < training.documents && !unseen.empty(); ++i) {
    throw_if_stop_requested("scoring the samples");
    for (const std::string& sentence : data::split_sentences(data::synth_document(training, i))) {
      unseen.erase(sentence);
    }
  }
  double parsed = 0, novel = 0;
  for (const std::string& sentence : written) {
    parsed += data::stories_parse(sentence);
    novel += unseen.contains(sentence);
  }
  const auto sentences = static_cast<double>(written.size());
  return StoryScore{parsed / sentences, novel / sentences};
}

}  // namespace llmops::eval
