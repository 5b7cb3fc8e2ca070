#include "data/synth.h"

#include <map>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/stories.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/unit/data/scratch.h"

namespace llmops::data {

namespace {

constexpr std::int64_t kMany = 2000;

recipe::Synth synth_of(std::string_view kind, std::int64_t seed = 1) {
  recipe::Synth synth;
  synth.kind = kind;
  synth.seed = seed;
  synth.documents = kMany;
  return synth;
}

std::string all_of(const recipe::Synth& synth) {
  std::string all;
  for (std::int64_t i = 0; i < synth.documents; ++i) all += synth_document(synth, i);
  return all;
}

std::int64_t number(std::string_view text) {
  const auto value = parse_int(text);
  REQUIRE(value);
  return *value;
}

}  // namespace

TEST_CASE("generated documents are a function of kind, seed and index") {
  for (const std::string_view kind : synth_kinds()) {
    CAPTURE(kind);
    const recipe::Synth synth = synth_of(kind);
    CHECK(all_of(synth) == all_of(synth));
    CHECK(all_of(synth) != all_of(synth_of(kind, 2)));
    recipe::Source source;
    source.synth = synth;
    const auto documents = documents_of(source);
    REQUIRE(std::ssize(documents) == kMany);
    std::set<std::string> different;
    for (std::int64_t i = 0; i < kMany; ++i) {
      const std::string& document = documents[static_cast<std::size_t>(i)];
      CHECK(document == synth_document(synth, i));
      CHECK(document.find('\n') == document.size() - 1);
      different.insert(document);
    }
    // The 110 smallest sums and differences come again and again.
    CHECK(std::ssize(different) > (kind == "arithmetic" ? kMany / 2 : kMany * 99 / 100));
    const auto bytes = static_cast<double>(all_of(synth).size());
    // Of 64 documents: the spread of their lengths is below 40 %, four standard errors are 20 %.
    CHECK(static_cast<double>(synth_bytes_estimate(synth)) == Approx(bytes).epsilon(0.2));
  }
}

TEST_CASE("the generated texts are those of version 1") {
  // When one of these changes, kSynthVersion must change, too: caches hold the old text.
  REQUIRE(kSynthVersion == 1);
  const std::map<std::string_view, std::string_view> digests{{"stories", "ea76fe9991f0f2a1"},
                                                             {"arithmetic", "7ae5ab44d31b7422"},
                                                             {"copy", "ce435ebd5f306f0c"},
                                                             {"recall", "d63b9fb5c1a83e55"}};
  for (const std::string_view kind : synth_kinds()) {
    CAPTURE(kind);
    CHECK(sha256(all_of(synth_of(kind))).substr(0, 16) == digests.at(kind));
  }
}

TEST_CASE("sums and differences are right and never negative") {
  std::map<char, int> operations;
  std::set<std::size_t> widths;
  for (std::int64_t i = 0; i < kMany; ++i) {
    const std::string line = synth_document(synth_of("arithmetic"), i);
    CAPTURE(line);
    const std::size_t sign = line.find_first_of("+-"), equals = line.find('=');
    REQUIRE((sign != line.npos && equals != line.npos));
    const std::int64_t a = number(line.substr(0, sign));
    const std::int64_t b = number(line.substr(sign + 1, equals - sign - 1));
    const std::int64_t result = number(line.substr(equals + 1, line.size() - equals - 2));
    CHECK(result == (line[sign] == '+' ? a + b : a - b));
    CHECK((a >= 0 && b >= 0 && result >= 0 && a < 1000 && b < 1000));
    ++operations[line[sign]];
    widths.insert(sign);
  }
  CHECK(operations['+'] > kMany / 3);
  CHECK(operations['-'] > kMany / 3);
  CHECK(widths == std::set<std::size_t>{1, 2, 3});
}

TEST_CASE("a copy is the word before it") {
  for (std::int64_t i = 0; i < kMany; ++i) {
    const std::string line = synth_document(synth_of("copy"), i);
    CAPTURE(line);
    const std::size_t equals = line.find(" = ");
    REQUIRE(line.starts_with("copy: "));
    REQUIRE(equals != line.npos);
    const std::string word = line.substr(6, equals - 6);
    CHECK(line.substr(equals + 3) == word + "\n");
    CHECK((word.size() >= 3 && word.size() <= 12));
  }
}

TEST_CASE("a recalled value is that of its key, and keys are different") {
  for (std::int64_t i = 0; i < kMany; ++i) {
    const std::string line = synth_document(synth_of("recall"), i);
    CAPTURE(line);
    const std::size_t end = line.find("; ");
    REQUIRE(end != line.npos);
    std::map<std::string, std::string> values;
    const auto pairs = split(line.substr(0, end), ' ');
    for (const std::string& pair : pairs) {
      REQUIRE(pair.size() == 3);
      values[pair.substr(0, 1)] = pair.substr(2);
    }
    CHECK(values.size() == pairs.size());
    CHECK((pairs.size() >= 3 && pairs.size() <= 8));
    REQUIRE(line.size() == end + 6);
    CHECK(values.at(line.substr(end + 2, 1)) == line.substr(end + 4, 1));
  }
}

TEST_CASE("every sentence of a story is one of the grammar, and other text is not") {
  for (std::int64_t i = 0; i < kMany; ++i) {
    const std::string story = synth_document(synth_of("stories"), i);
    CAPTURE(story);
    const auto sentences = split_sentences(story);
    CHECK((sentences.size() >= 4 && sentences.size() <= 6));
    for (const std::string& sentence : sentences) {
      CHECK(stories_parse(sentence));
      // Without any one of its words it is none.
      const auto words = split(sentence, ' ');
      for (std::size_t left_out = 0; left_out < words.size(); ++left_out) {
        std::string rest;
        for (std::size_t k = 0; k < words.size(); ++k) {
          if (k != left_out) rest += (rest.empty() ? "" : " ") + words[k];
        }
        CHECK_FALSE(stories_parse(rest));
      }
    }
  }
  for (const char* text : {"", ".", "Anna.", "The cat sat on the mat.", "{hero}",
                           "One day Anna found a red ball near the dark park",
                           "One day Anna found a red ball near the dark park. ",
                           "one day Anna found a red ball near the dark park."}) {
    CAPTURE(text);
    CHECK_FALSE(stories_parse(text));
  }
  CHECK(stories_parse("One day Anna found a red ball near the dark park."));
  CHECK(split_sentences("A b.  C?\nD! e") == std::vector<std::string>{"A b.", "C?", "D!"});
}

TEST_CASE("an unknown generator is refused with the known ones") {
  CHECK(error_text([] { synth_document(synth_of("poems"), 0); }) ==
        "usage: no generator \"poems\"; there are stories, arithmetic, copy, recall");
}

}  // namespace llmops::data
