// Compares with what `tokenizers` made of the texts in tests/golden/tokenizer.
#include <fmt/format.h>

#include <charconv>

#include "tests/catch.h"
#include "tests/unit/tokenizer/texts.h"
#include "tokenizer/gpt2_words.h"

namespace llmops::tokenizer {

namespace {

std::vector<TokenId> golden_ids(std::string_view name) {
  std::vector<TokenId> ids;
  for (const std::string& line : split(golden(name), '\n')) {
    if (!line.empty()) ids.push_back(static_cast<TokenId>(parse_int(line).value()));
  }
  return ids;
}

char32_t hex(std::string_view digits) {
  std::uint32_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

CharClass class_of(std::string_view letter) {
  return letter == "L"   ? CharClass::kLetter
         : letter == "N" ? CharClass::kNumber
         : letter == "S" ? CharClass::kSpace
                         : CharClass::kOther;
}

std::string merge_text(const Json& merge) {
  if (merge.is_string()) return merge.as_string();
  return merge.as_array()[0].as_string() + " " + merge.as_array()[1].as_string();
}

std::vector<std::string> merges_of(const Json& tokenizer) {
  std::vector<std::string> merges;
  for (const Json& merge : tokenizer.at("model").at("merges").as_array()) {
    merges.push_back(merge_text(merge));
  }
  return merges;
}

}  // namespace

TEST_CASE("every code point has the class that tokenizers gives it") {
  std::vector<CharClass> expected(0x110000, CharClass::kOther);
  for (const std::string& line : split(golden("classes.txt"), '\n')) {
    if (line.empty()) continue;
    const std::vector<std::string> words = split(line, ' ');
    for (char32_t c = hex(words[0]); c <= hex(words[1]); ++c) expected[c] = class_of(words[2]);
  }
  std::vector<std::string> wrong;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    if (char_class(c) != expected[c]) {
      wrong.push_back(fmt::format("U+{:04X}", static_cast<std::uint32_t>(c)));
    }
  }
  CHECK(wrong == std::vector<std::string>{});
}

TEST_CASE("text is split into the words of tokenizers' ByteLevel") {
  int texts = 0;
  for (const std::string& line : split(golden("words.jsonl"), '\n')) {
    if (line.empty()) continue;
    const Json row = parse_json(line, "words.jsonl");
    const std::string& text = row.at("text").as_string();
    std::vector<std::int64_t> ends, expected;
    for (std::size_t pos = 0; pos < text.size();) {
      pos = gpt2_word_end(text, pos);
      ends.push_back(count_code_points(std::string_view(text).substr(0, pos)));
    }
    for (const Json& end : row.at("ends").as_array()) expected.push_back(end.as_int());
    CAPTURE(line);
    CHECK(ends == expected);
    ++texts;
  }
  CHECK(texts == 200);
}

TEST_CASE("a tokenizer.json of tokenizers gives its ids, and the ids give the text") {
  const std::string corpus = golden("corpus.txt");
  const std::string name = GENERATE("bpe", "byte_level_bpe");
  const auto tokenizer = load_tokenizer(GOLDEN + name + ".json");
  const std::vector<TokenId> expected = golden_ids(name + "_ids.txt");
  CHECK(encode(*tokenizer, corpus) == expected);
  CHECK(tokenizer->decode(expected) == corpus);
  std::vector<TokenId> ids;
  tokenizer->make_encoder()->encode(corpus, ids);
  CHECK(ids == expected);
  CHECK(tokenizer->eos() == 0);
}

TEST_CASE("training gives the vocabulary and the merges of tokenizers' BpeTrainer") {
  const std::string corpus = golden("corpus.txt");
  const std::string_view view = corpus;
  const Json theirs = parse_json(golden("bpe.json"), "bpe.json");
  const Json ours = train_bpe(std::span(&view, 1), 900)->to_json();
  CHECK(merges_of(ours) == merges_of(theirs));
  CHECK(ours.at("model").at("vocab") == theirs.at("model").at("vocab"));
  CHECK(ours.at("added_tokens") == theirs.at("added_tokens"));
}

}  // namespace llmops::tokenizer
