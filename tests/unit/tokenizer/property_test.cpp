// Properties of any text, tried on random ones.
#include <map>

#include "tests/catch.h"
#include "tests/unit/tokenizer/texts.h"
#include "tokenizer/bpe_merges.h"

namespace llmops::tokenizer {

namespace {

constexpr std::uint64_t kSeed = 20;

std::unique_ptr<Tokenizer> golden_bpe() {
  return load_tokenizer(GOLDEN "bpe.json");
}

// BPE as its definition says it, one merge after the other over the whole word.
std::vector<TokenId> merged_slowly(std::vector<TokenId> ids,
                                   const std::vector<BpeMerges::Rule>& rules) {
  for (;;) {
    std::size_t best_rank = rules.size(), best_at = 0;
    for (std::size_t at = 0; at + 1 < ids.size(); ++at) {
      for (std::size_t rank = 0; rank < best_rank; ++rank) {
        if (rules[rank].left == ids[at] && rules[rank].right == ids[at + 1]) {
          best_rank = rank;
          best_at = at;
        }
      }
    }
    if (best_rank == rules.size()) return ids;
    ids[best_at] = rules[best_rank].result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
}

}  // namespace

TEST_CASE("any bytes come back from byte-level tokenizers") {
  CAPTURE(kSeed);
  Random random(kSeed, RandomStream::kSynthetic, 1);
  for (const auto& tokenizer : {make_byte_tokenizer(), golden_bpe()}) {
    const auto encoder = tokenizer->make_encoder();
    for (int i = 0; i < 300; ++i) {
      const std::size_t length = random.below(200);
      const std::string text =
          i % 2 == 0 ? random_bytes(random, length) : random_text(random, length);
      CAPTURE(i, text);
      const std::vector<TokenId> ids = encode(*tokenizer, text);
      REQUIRE(tokenizer->decode(ids) == text);
      std::vector<TokenId> cached;
      encoder->encode(text, cached);
      REQUIRE(cached == ids);
    }
  }
}

TEST_CASE("any text comes back from the char tokenizer of its characters") {
  CAPTURE(kSeed);
  Random random(kSeed, RandomStream::kSynthetic, 2);
  for (int i = 0; i < 50; ++i) {
    const std::string text = random_text(random, random.below(200));
    CAPTURE(i, text);
    const auto tokenizer = make_char_tokenizer(text);
    const auto again = read_tokenizer(parse_json(tokenizer->to_json().dump(), "t"), "t");
    const std::vector<TokenId> ids = encode(*again, text);
    REQUIRE(ids == encode(*tokenizer, text));
    REQUIRE(ids.size() == static_cast<std::size_t>(count_code_points(text)));
    REQUIRE(tokenizer->decode(ids) == text);
  }
}

TEST_CASE("a text cut where it may be cut has the ids of the whole") {
  CAPTURE(kSeed);
  Random random(kSeed, RandomStream::kSynthetic, 3);
  const auto tokenizer = golden_bpe();
  for (int i = 0; i < 1000; ++i) {
    const std::string text =
        i % 4 == 0 ? random_bytes(random, random.below(60)) : random_text(random, random.below(40));
    const std::size_t from = random.below(text.size() + 1);
    const std::size_t cut = safe_cut(text, from);
    CAPTURE(i, text, from, cut);
    REQUIRE(cut >= from);
    REQUIRE(cut <= text.size());
    std::vector<TokenId> parts = encode(*tokenizer, std::string_view(text).substr(0, cut));
    tokenizer->encode(std::string_view(text).substr(cut), parts);
    REQUIRE(parts == encode(*tokenizer, text));
  }
}

TEST_CASE("a stream of tokens gives the whole text of valid UTF-8") {
  CAPTURE(kSeed);
  Random random(kSeed, RandomStream::kSynthetic, 4);
  const auto tokenizer = golden_bpe();
  for (int i = 0; i < 200; ++i) {
    const std::string text = random_text(random, random.below(60));
    CAPTURE(i, text);
    StreamDecoder decoder(*tokenizer);
    std::string streamed;
    for (const TokenId id : encode(*tokenizer, text)) {
      const std::string piece = decoder.push(id);
      REQUIRE_FALSE(invalid_utf8(piece));
      streamed += piece;
    }
    REQUIRE(streamed + decoder.finish() == text);
  }
}

TEST_CASE("a stream of any bytes is valid UTF-8") {
  CAPTURE(kSeed);
  Random random(kSeed, RandomStream::kSynthetic, 5);
  const auto tokenizer = make_byte_tokenizer();
  for (int i = 0; i < 200; ++i) {
    StreamDecoder decoder(*tokenizer);
    std::string text;
    for (const TokenId id : encode(*tokenizer, random_bytes(random, 50))) text += decoder.push(id);
    text += decoder.finish();
    CAPTURE(i);
    REQUIRE_FALSE(invalid_utf8(text));
  }
}

// Bytes 0 to 3 are tokens 0 to 3; words beyond 32 bytes take another way through the code.
TEST_CASE("words of any length are merged as the definition says") {
  CAPTURE(kSeed);
  Random random(kSeed, RandomStream::kSynthetic, 6);
  std::vector<TokenId> bytes(256);
  for (TokenId id = 0; id < 256; ++id) bytes[static_cast<std::size_t>(id)] = id;
  for (int i = 0; i < 300; ++i) {
    std::vector<BpeMerges::Rule> rules;
    TokenId tokens = 4;
    std::map<std::pair<TokenId, TokenId>, bool> seen;
    for (std::uint64_t rule = random.below(30); rule > 0; --rule) {
      const auto known = static_cast<std::uint64_t>(tokens);
      const auto left = static_cast<TokenId>(random.below(known));
      const auto right = static_cast<TokenId>(random.below(known));
      if (seen[{left, right}]) continue;
      seen[{left, right}] = true;
      rules.push_back({left, right, tokens++});
    }
    // A rule may be less important than one that needs its result.
    for (std::size_t k = rules.size(); k > 1; --k) std::swap(rules[k - 1], rules[random.below(k)]);
    const BpeMerges merges(bytes, rules);
    std::string word;
    for (std::uint64_t length = 1 + random.below(100); length > 0; --length) {
      word += static_cast<char>(random.below(4));
    }
    std::vector<TokenId> ids, slow(word.begin(), word.end());
    merges.apply(word, ids);
    CAPTURE(i, word.size());
    REQUIRE(ids == merged_slowly(slow, rules));
  }
}

// With work in the square of the length these would take hours.
TEST_CASE("a single word of a megabyte is one more word") {
  const std::size_t length = std::size_t{1} << 20;
  const std::string alike(length, 'a'), spaces(length, ' ');
  std::string pairs, marks(length, '\'');
  while (pairs.size() < length) pairs += "th";
  const std::string_view texts[] = {alike, pairs, spaces, marks};
  const auto tokenizer = train_bpe(texts, 400);
  for (const std::string_view text : texts) {
    const std::vector<TokenId> ids = encode(*tokenizer, text);
    CHECK(ids.size() < length / 1000);
    CHECK(tokenizer->decode(ids) == text);
  }
}

}  // namespace llmops::tokenizer
