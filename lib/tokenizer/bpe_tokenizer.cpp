#include "tokenizer/bpe_tokenizer.h"

#include <array>
#include <cstring>
#include <utility>

#include "tokenizer/byte_tokenizer.h"
#include "tokenizer/gpt2_words.h"

namespace llmops::tokenizer {

namespace {

// Tokens of recent words. The table has one slot for each hash: a new word replaces the one in its
// slot, and a frequent word returns soon. Words of up to 15 bytes with up to 6 tokens fit; these
// are nearly all words of a natural text.
class WordCache {
 public:
  static constexpr std::size_t kMaxWord = 15, kMaxTokens = 6;
  struct Key {
    std::uint64_t low = 0, high = 0;  // the bytes of the word, its length in the last
    bool operator==(const Key&) const = default;
  };
  struct Entry {
    Key key;
    std::uint32_t count = 0;
    std::array<TokenId, kMaxTokens> ids;
  };

  // Returns the key of text[pos, pos + length). Reads 16 bytes at once where there are as many.
  static Key key_of(std::string_view text, std::size_t pos, std::size_t length) {
    std::uint64_t words[2] = {0, 0};
    if (pos + 16 <= text.size()) {
      std::memcpy(words, text.data() + pos, 16);
      if (length < 8) {
        words[0] &= (std::uint64_t{1} << (8 * length)) - 1;
        words[1] = 0;
      } else {
        words[1] &= (std::uint64_t{1} << (8 * (length - 8))) - 1;
      }
    } else {
      std::memcpy(words, text.data() + pos, length);
    }
    return {words[0], words[1] | static_cast<std::uint64_t>(length) << 56};
  }
  Entry& slot(const Key& key) {
    const std::uint64_t mixed =
        (key.low ^ (key.high * 0xD6E8FEB86659FD93ULL)) * 0x9E3779B97F4A7C15ULL;
    return entries_[mixed >> (64 - kBits)];
  }

 private:
  static constexpr int kBits = 15;
  std::vector<Entry> entries_ = std::vector<Entry>(std::size_t{1} << kBits);
};

class BpeEncoder : public Encoder {
 public:
  explicit BpeEncoder(const BpeMerges& merges) : merges_(merges) {}

  void encode(std::string_view text, std::vector<TokenId>& out) override {
    for (std::size_t pos = 0; pos < text.size();) {
      const std::size_t end = gpt2_word_end(text, pos);
      if (end - pos <= WordCache::kMaxWord) {
        encode_cached(text, pos, end - pos, out);
      } else {
        merges_.apply(text.substr(pos, end - pos), out);
      }
      pos = end;
    }
  }

 private:
  void encode_cached(std::string_view text, std::size_t pos, std::size_t length,
                     std::vector<TokenId>& out) {
    const WordCache::Key key = WordCache::key_of(text, pos, length);
    WordCache::Entry& entry = cache_.slot(key);
    if (entry.key == key) {
      out.insert(out.end(), entry.ids.begin(), entry.ids.begin() + entry.count);
      return;
    }
    const std::size_t before = out.size();
    merges_.apply(text.substr(pos, length), out);
    const std::size_t count = out.size() - before;
    if (count > WordCache::kMaxTokens) return;
    entry.key = key;
    entry.count = static_cast<std::uint32_t>(count);
    std::copy(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(), entry.ids.begin());
  }

  const BpeMerges& merges_;
  WordCache cache_;
};

std::vector<TokenId> byte_ids(const TokenTable& table) {
  std::vector<TokenId> ids(256);
  for (std::size_t id = 0; id < table.bytes.size(); ++id) {
    if (table.bytes[id].size() == 1) {
      ids[static_cast<unsigned char>(table.bytes[id][0])] = static_cast<TokenId>(id);
    }
  }
  return ids;
}

}  // namespace

BpeTokenizer::BpeTokenizer(TokenTable table, std::vector<BpeMerges::Rule> rules)
    : TableTokenizer(std::move(table)),
      rules_(std::move(rules)),
      merges_(byte_ids(this->table()), rules_) {}

void BpeTokenizer::encode(std::string_view text, std::vector<TokenId>& out) const {
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t end = gpt2_word_end(text, pos);
    merges_.apply(text.substr(pos, end - pos), out);
    pos = end;
  }
}

std::unique_ptr<Encoder> BpeTokenizer::make_encoder() const {
  return std::make_unique<BpeEncoder>(merges_);
}

Json BpeTokenizer::to_json() const {
  Json::Array merges;
  for (const BpeMerges::Rule& rule : rules_) {
    merges.emplace_back(std::string(name(rule.left)) + ' ' + std::string(name(rule.right)));
  }
  return envelope(bpe_model_json(table(), std::move(merges)), byte_level_json(true),
                  byte_level_json(true));
}

}  // namespace llmops::tokenizer
