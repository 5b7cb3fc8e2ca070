#include "tokenizer/bpe_trainer.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/catch.h"
#include "tests/unit/tokenizer/texts.h"

namespace llmops::tokenizer {

namespace {

// The words of a text, counted in parts that different threads may have taken in any order.
WordCounts counted_in_parts(std::string_view text, std::size_t part, Random& random) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t cut = safe_cut(text, std::min(part, text.size()));
    parts.push_back(text.substr(0, cut));
    text.remove_prefix(cut);
  }
  for (std::size_t k = parts.size(); k > 1; --k) std::swap(parts[k - 1], parts[random.below(k)]);
  WordCounts threads[3];
  for (const std::string_view one : parts) threads[random.below(3)].add(one);
  threads[0].merge(threads[1]);
  threads[0].merge(threads[2]);
  return threads[0];
}

std::string trained(const WordCounts& words, std::int64_t vocab_size) {
  return train_bpe(words, vocab_size)->to_json().dump();
}

}  // namespace

TEST_CASE("training does not depend on how the text was divided among threads") {
  const std::uint64_t seed = 21;
  CAPTURE(seed);
  Random random(seed, RandomStream::kSynthetic);
  const std::string text = golden("corpus.txt");
  WordCounts whole;
  whole.add(text);
  const std::string expected = trained(whole, 900);
  for (const std::size_t part : {1U, 50U, 3000U}) {
    CHECK(trained(counted_in_parts(text, part, random), 900) == expected);
  }
}

// Two letters make tokens that arise from several pairs, and pairs that are met again.
TEST_CASE("training does not depend on the order of the words") {
  const std::uint64_t seed = 22;
  CAPTURE(seed);
  Random random(seed, RandomStream::kSynthetic);
  for (int i = 0; i < 300; ++i) {
    std::vector<std::string> words;
    for (std::uint64_t count = 5 + random.below(60); count > 0; --count) {
      std::string word;
      for (std::uint64_t length = 1 + random.below(14); length > 0; --length) {
        word += static_cast<char>('a' + random.below(2));
      }
      words.push_back(word + '\n');
    }
    std::string expected;
    for (int order = 0; order < 4; ++order) {
      WordCounts counts;
      for (const std::string& word : words) counts.add(word);
      const std::string tokenizer = trained(counts, 257 + 80);
      if (order == 0) expected = tokenizer;
      CAPTURE(i, order);
      REQUIRE(tokenizer == expected);
      for (std::size_t k = words.size(); k > 1; --k) {
        std::swap(words[k - 1], words[random.below(k)]);
      }
    }
  }
}

TEST_CASE("the counts of parts add up") {
  WordCounts one, two;
  one.add("the cat the");
  two.add(" cat the");
  one.merge(two);
  std::vector<std::string> words;
  for (const WordCounts::Word& word : one.words()) {
    words.push_back(fmt::format("{}:{}", word.text, word.count));
  }
  std::sort(words.begin(), words.end());
  CHECK(words == std::vector<std::string>{" cat:2", " the:2", "the:1"});
}

}  // namespace llmops::tokenizer
