#include "data/synth.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/random.h"
#include "data/stories.h"

namespace llmops::data {

namespace {

std::string arithmetic(Random& random) {
  constexpr std::array<std::uint64_t, 3> kBounds{10, 100, 1000};
  const std::uint64_t bound = kBounds[random.below(kBounds.size())];
  std::uint64_t a = random.below(bound), b = random.below(bound);
  if (random.below(2) == 0) return fmt::format("{}+{}={}\n", a, b, a + b);
  if (a < b) std::swap(a, b);
  return fmt::format("{}-{}={}\n", a, b, a - b);
}

std::string copy(Random& random) {
  std::string word;
  for (std::uint64_t left = 3 + random.below(10); left > 0; --left) {
    word += static_cast<char>('a' + random.below(26));
  }
  return fmt::format("copy: {0} = {0}\n", word);
}

std::string recall(Random& random) {
  std::array<char, 26> keys{};
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = static_cast<char>('a' + i);
  const std::size_t pairs = 3 + random.below(6);
  std::string text, values;
  for (std::size_t i = 0; i < pairs; ++i) {
    std::swap(keys[i], keys[i + random.below(keys.size() - i)]);
    values += static_cast<char>('0' + random.below(10));
    text += fmt::format("{}{}={}", i == 0 ? "" : " ", keys[i], values[i]);
  }
  const std::size_t asked = random.below(pairs);
  return text + fmt::format("; {}={}\n", keys[asked], values[asked]);
}

struct Kind {
  std::string_view name;
  std::string (*make)(Random&);
};
constexpr std::array<Kind, 4> kKinds{
    {{"stories", make_story}, {"arithmetic", arithmetic}, {"copy", copy}, {"recall", recall}}};

}  // namespace

std::vector<std::string_view> synth_kinds() {
  std::vector<std::string_view> names;
  for (const Kind& kind : kKinds) names.push_back(kind.name);
  return names;
}

std::string synth_document(const recipe::Synth& synth, std::int64_t index) {
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                 [&](const Kind& k) { return k.name == synth.kind; });
  if (kind == kKinds.end()) {
    throw usage_error("no generator \"{}\"; there are {}", synth.kind,
                      fmt::join(synth_kinds(), ", "));
  }
  Random random(static_cast<std::uint64_t>(synth.seed), RandomStream::kSynthetic,
                static_cast<std::uint64_t>(kind - kKinds.begin()),
                static_cast<std::uint64_t>(index));
  return kind->make(random);
}

void synthesize(const recipe::Synth& synth, DocumentSink& sink) {
  for (std::int64_t i = 0; i < synth.documents; ++i) {
    sink.text(synth_document(synth, i));
    sink.end_document();
  }
}

std::int64_t synth_bytes_estimate(const recipe::Synth& synth) {
  const std::int64_t looked = std::clamp<std::int64_t>(synth.documents, 1, 64);
  std::size_t bytes = 0;
  for (std::int64_t i = 0; i < looked; ++i) bytes += synth_document(synth, i).size();
  return static_cast<std::int64_t>(static_cast<double>(bytes) / static_cast<double>(looked) *
                                   static_cast<double>(synth.documents));
}

}  // namespace llmops::data
