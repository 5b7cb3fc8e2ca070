#include "tokenizer/word_counts.h"

#include <cstring>

#include "base/error.h"
#include "tokenizer/gpt2_words.h"

namespace llmops::tokenizer {

namespace {

constexpr std::size_t kMaxWordBytes = std::size_t{1} << 31;

std::uint64_t hash_of(std::string_view word) {
  std::uint64_t hash = 0x9E3779B97F4A7C15ULL ^ word.size();
  while (!word.empty()) {
    std::uint64_t part = 0;
    const std::size_t length = word.size() < 8 ? word.size() : 8;
    std::memcpy(&part, word.data(), length);
    hash = (hash ^ part) * 0xD6E8FEB86659FD93ULL;
    hash ^= hash >> 32;
    word.remove_prefix(length);
  }
  return hash;
}

}  // namespace

void WordCounts::add(std::string_view text) {
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t end = gpt2_word_end(text, pos);
    count(text.substr(pos, end - pos), 1);
    pos = end;
  }
}

void WordCounts::merge(const WordCounts& other) {
  for (const Word& word : other.words()) count(word.text, word.count);
}

void WordCounts::count(std::string_view word, std::int64_t times) {
  LLMOPS_CHECK(word.size() < kMaxWordBytes);
  const std::uint64_t hash = hash_of(word);
  const std::size_t mask = entries_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    Entry& entry = entries_[at];
    if (entry.length == 0) {
      entry = {hash, letters_.size(), static_cast<std::uint32_t>(word.size()), times};
      letters_ += word;
      if (2 * ++used_ > entries_.size()) grow();
      return;
    }
    if (entry.hash == hash && entry.length == word.size() &&
        std::memcmp(letters_.data() + entry.offset, word.data(), word.size()) == 0) {
      entry.count += times;
      return;
    }
  }
}

void WordCounts::grow() {
  std::vector<Entry> larger(2 * entries_.size());
  for (const Entry& entry : entries_) {
    if (entry.length == 0) continue;
    std::size_t at = entry.hash & (larger.size() - 1);
    while (larger[at].length != 0) at = (at + 1) & (larger.size() - 1);
    larger[at] = entry;
  }
  entries_ = std::move(larger);
}

std::vector<WordCounts::Word> WordCounts::words() const {
  std::vector<Word> words;
  words.reserve(used_);
  for (const Entry& entry : entries_) {
    if (entry.length == 0) continue;
    words.push_back({std::string_view(letters_).substr(entry.offset, entry.length), entry.count});
  }
  return words;
}

}  // namespace llmops::tokenizer
