#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llmops::tokenizer {

// Counts of the words of a text, split by GPT-2's pattern. Not thread-safe: each thread has one of
// its own, and merge() adds them up.
class WordCounts {
 public:
  struct Word {
    std::string_view text;
    std::int64_t count = 0;
  };

  void add(std::string_view text);
  void merge(const WordCounts& other);
  std::vector<Word> words() const;  // valid until the next change

 private:
  struct Entry {
    std::uint64_t hash = 0;
    std::uint64_t offset = 0;  // in letters_
    std::uint32_t length = 0;  // 0: free, a word is never empty
    std::int64_t count = 0;
  };

  void count(std::string_view word, std::int64_t times);
  void grow();

  std::string letters_;
  std::vector<Entry> entries_ = std::vector<Entry>(1 << 12);  // open addressing, at most half full
  std::size_t used_ = 0;
};

}  // namespace llmops::tokenizer
