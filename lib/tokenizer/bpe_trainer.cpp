#include "tokenizer/bpe_trainer.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

#include "base/error.h"
#include "base/signal.h"
#include "base/text.h"
#include "tokenizer/bpe_tokenizer.h"
#include "tokenizer/byte_alphabet.h"

namespace llmops::tokenizer {

namespace {

using Pair = std::uint64_t;  // left token in the upper half

Pair make_pair_of(TokenId left, TokenId right) {
  return static_cast<Pair>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}
TokenId left_of(Pair pair) {
  return static_cast<TokenId>(pair >> 32);
}
TokenId right_of(Pair pair) {
  return static_cast<TokenId>(pair & 0xFFFFFFFF);
}

struct PairHash {
  std::size_t operator()(Pair pair) const {
    const std::uint64_t mixed = pair * 0x9E3779B97F4A7C15ULL;
    return mixed ^ mixed >> 32;
  }
};

// The words as tokens. Merging shortens a word in place.
class Words {
 public:
  Words(const WordCounts& counts, const std::vector<TokenId>& byte_ids) {
    for (const WordCounts::Word& word : counts.words()) {
      words_.push_back({ids_.size(), word.text.size(), word.count});
      for (const char c : word.text) ids_.push_back(byte_ids[static_cast<unsigned char>(c)]);
    }
  }

  std::size_t size() const { return words_.size(); }
  std::int64_t count(std::size_t word) const { return words_[word].count; }
  std::span<TokenId> tokens(std::size_t word) {
    return std::span(ids_).subspan(words_[word].begin, words_[word].length);
  }

  // Replaces each pair, from left to right, and calls `change(pair, +1 or -1)` for every pair of
  // neighbours gained or lost.
  template <typename Change>
  void merge(std::size_t word, Pair pair, TokenId result, const Change& change) {
    const TokenId left = left_of(pair), right = right_of(pair);
    const std::span<TokenId> ids = tokens(word);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] != left || i + 1 == ids.size() || ids[i + 1] != right) {
        ids[kept++] = ids[i];
        continue;
      }
      if (kept > 0) {
        change(make_pair_of(ids[kept - 1], left), -1);
        change(make_pair_of(ids[kept - 1], result), 1);
      }
      ++i;
      if (i + 1 < ids.size()) {
        change(make_pair_of(right, ids[i + 1]), -1);
        change(make_pair_of(result, ids[i + 1]), 1);
      }
      ids[kept++] = result;
    }
    words_[word].length = kept;
  }

 private:
  struct Range {
    std::size_t begin, length;
    std::int64_t count;
  };
  std::vector<TokenId> ids_;
  std::vector<Range> words_;
};

class Trainer {
 public:
  Trainer(const WordCounts& counts, TokenTable& table, const std::vector<TokenId>& byte_ids)
      : table_(table), words_(counts, byte_ids) {
    for (std::size_t id = 0; id < table_.names.size(); ++id) {
      ids_.emplace(table_.names[id], static_cast<TokenId>(id));
    }
    for (std::size_t word = 0; word < words_.size(); ++word) {
      const std::span<TokenId> ids = words_.tokens(word);
      for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
        add(make_pair_of(ids[i], ids[i + 1]), words_.count(word), word);
      }
    }
    queue_found();
  }

  std::vector<BpeMerges::Rule> run(std::size_t vocab_size) {
    while (table_.names.size() < vocab_size && !queue_.empty()) {
      Candidate top = queue_.top();
      queue_.pop();
      const std::int64_t count = counts_[top.pair];
      if (top.count != count) {  // the pair became rarer since it was queued
        top.count = count;
        if (count > 0) queue_.push(top);
        continue;
      }
      if (merged_++ % 64 == 0) throw_if_stop_requested("training the tokenizer");
      merge(top);
    }
    return rules();
  }

 private:
  struct Candidate {
    std::int64_t count;
    Pair pair;
    std::size_t occurrences;  // index in occurrences_
    // The queue returns the largest. No two are equal, so the result does not depend on the order
    // of pushing, which follows that of the words: of a pair queued twice, the earlier entry comes
    // first.
    bool operator<(const Candidate& other) const {
      if (count != other.count) return count < other.count;
      return pair != other.pair ? pair > other.pair : occurrences > other.occurrences;
    }
  };

  void add(Pair pair, std::int64_t count, std::size_t word) {
    counts_[pair] += count;
    std::vector<std::uint32_t>& occurrences = found_[pair];
    if (occurrences.empty() || occurrences.back() != word)
      occurrences.push_back(static_cast<std::uint32_t>(word));
  }

  // Queues the pairs that add() counted. A pair counted again later is queued a second time with
  // its new occurrences; each entry merges its own.
  void queue_found() {
    for (auto& [pair, occurrences] : found_) {
      const std::int64_t count = counts_[pair];
      if (count <= 0) continue;
      queue_.push({count, pair, occurrences_.size()});
      occurrences_.push_back(std::move(occurrences));
    }
    found_.clear();
  }

  void merge(const Candidate& top) {
    const std::string name = table_.names[static_cast<std::size_t>(left_of(top.pair))] +
                             table_.names[static_cast<std::size_t>(right_of(top.pair))];
    auto known = ids_.find(name);
    if (known == ids_.end()) {
      const std::string bytes = table_.bytes[static_cast<std::size_t>(left_of(top.pair))] +
                                table_.bytes[static_cast<std::size_t>(right_of(top.pair))];
      known = ids_.emplace(name, table_.add(name, bytes)).first;
    }
    const TokenId result = known->second;
    merges_.push_back({left_of(top.pair), right_of(top.pair), result});
    const std::vector<std::uint32_t> occurrences = std::move(occurrences_[top.occurrences]);
    for (const std::uint32_t word : occurrences) {
      words_.merge(word, top.pair, result, [&](Pair pair, int change) {
        if (change > 0) {
          add(pair, words_.count(word), word);
        } else {
          counts_[pair] -= words_.count(word);
        }
      });
    }
    queue_found();
  }

  // Returns the merges. Of a pair merged twice only the last is kept, as `tokenizers` writes it.
  std::vector<BpeMerges::Rule> rules() const {
    std::unordered_map<Pair, std::size_t, PairHash> last;
    for (std::size_t i = 0; i < merges_.size(); ++i) {
      last[make_pair_of(merges_[i].left, merges_[i].right)] = i;
    }
    std::vector<BpeMerges::Rule> rules;
    for (std::size_t i = 0; i < merges_.size(); ++i) {
      if (last[make_pair_of(merges_[i].left, merges_[i].right)] == i) rules.push_back(merges_[i]);
    }
    return rules;
  }

  TokenTable& table_;
  Words words_;
  std::unordered_map<std::string, TokenId> ids_;
  std::unordered_map<Pair, std::int64_t, PairHash> counts_;
  std::unordered_map<Pair, std::vector<std::uint32_t>, PairHash> found_;
  std::vector<std::vector<std::uint32_t>> occurrences_;  // words that hold a queued pair
  std::priority_queue<Candidate> queue_;
  std::vector<BpeMerges::Rule> merges_;
  std::int64_t merged_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> train_bpe(const WordCounts& counts, std::int64_t vocab_size) {
  if (vocab_size < kMinBpeVocab) {
    throw usage_error("a byte-level BPE needs at least {} tokens, not {}", kMinBpeVocab,
                      vocab_size);
  }
  TokenTable table;
  table.end = table.add_special(kEndOfText);
  std::vector<unsigned char> bytes(256);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i);
  std::sort(bytes.begin(), bytes.end(), [](unsigned char a, unsigned char b) {
    return decode_utf8(spell_byte(a), 0).value < decode_utf8(spell_byte(b), 0).value;
  });
  std::vector<TokenId> byte_ids(256);
  for (const unsigned char byte : bytes) {
    byte_ids[byte] = table.add(spell_byte(byte), std::string(1, static_cast<char>(byte)));
  }
  Trainer trainer(counts, table, byte_ids);
  std::vector<BpeMerges::Rule> rules = trainer.run(static_cast<std::size_t>(vocab_size));
  return std::make_unique<BpeTokenizer>(std::move(table), std::move(rules));
}

std::unique_ptr<Tokenizer> train_bpe(std::span<const std::string_view> texts,
                                     std::int64_t vocab_size) {
  WordCounts counts;
  for (const std::string_view text : texts) counts.add(text);
  return train_bpe(counts, vocab_size);
}

}  // namespace llmops::tokenizer
