#include "tokenizer/tokenizer.h"

#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"
#include "tests/unit/tokenizer/texts.h"

namespace llmops::tokenizer {

namespace {

std::unique_ptr<Tokenizer> small_bpe() {
  const std::string_view text = "the cat and the hat, the bat's that; 12 and 345!  \n\nthen";
  return train_bpe(std::span(&text, 1), 270);
}

std::string pushed(const Tokenizer& tokenizer, std::string_view bytes) {
  StreamDecoder decoder(tokenizer);
  std::string text;
  for (const TokenId id : encode(tokenizer, bytes)) text += decoder.push(id) + '|';
  return text + decoder.finish();
}

}  // namespace

TEST_CASE("a trained BPE encodes and gives the text back") {
  const auto tokenizer = small_bpe();
  const std::string_view text = "the cat and the hat, then";
  CHECK(tokenizer->vocab_size() == 270);
  CHECK(tokenizer->decode(encode(*tokenizer, text)) == text);
  CHECK(encode(*tokenizer, text).size() < text.size());
}

TEST_CASE("char ids are the code points of the text in ascending order") {
  const auto tokenizer = make_char_tokenizer(
      "b\xC3\xA9"
      "a\nb\xF0\x9F\x98\x80");
  CHECK(tokenizer->vocab_size() == 5);
  CHECK(encode(*tokenizer, "\nab\xC3\xA9\xF0\x9F\x98\x80") == std::vector<TokenId>{0, 1, 2, 3, 4});
  CHECK_FALSE(tokenizer->eos());
}

TEST_CASE("byte ids are the bytes, and the end token follows them") {
  const auto tokenizer = make_byte_tokenizer();
  CHECK(tokenizer->vocab_size() == 257);
  CHECK(encode(*tokenizer, std::string_view("\0a\xFF", 3)) == std::vector<TokenId>{0, 'a', 255});
  CHECK(tokenizer->eos() == 256);
  CHECK(tokenizer->name(256) == "<|endoftext|>");
}

TEST_CASE("the end token has no bytes and is not recognised in a text") {
  for (const auto& tokenizer : {make_byte_tokenizer(), small_bpe()}) {
    const TokenId end = tokenizer->eos().value();
    CHECK(tokenizer->bytes(end).empty());
    const std::vector<TokenId> ids = encode(*tokenizer, "a<|endoftext|>b");
    CHECK(std::find(ids.begin(), ids.end(), end) == ids.end());
    CHECK(tokenizer->decode(ids) == "a<|endoftext|>b");
    CHECK(tokenizer->decode(std::vector<TokenId>{ids[0], end}) == "a");
  }
}

TEST_CASE("a character outside the vocabulary is an error that names it and its byte") {
  const auto tokenizer = make_char_tokenizer("abc");
  CHECK(error_text([&] { encode(*tokenizer, "ab\xC3\xA9"); }) ==
        "usage: character U+00E9 '\xC3\xA9' at byte 2 is not in the tokenizer's vocabulary");
  CHECK(error_text([&] { encode(*tokenizer, "a\x1B[31m"); }) ==
        "usage: character U+001B '\\x1b' at byte 1 is not in the tokenizer's vocabulary");
  CHECK(error_text([&] { encode(*tokenizer, "\xF0\x9F\x98\x80"); }).find("U+1F600") !=
        std::string::npos);
}

TEST_CASE("a char tokenizer refuses invalid UTF-8 with the byte") {
  const auto tokenizer = make_char_tokenizer("abc");
  CHECK(error_text([&] { encode(*tokenizer, "ab\xFF"); }) == "usage: invalid UTF-8 at byte 2");
  CHECK(error_text([&] { encode(*tokenizer, "\xED\xA0\x80"); }) ==
        "usage: invalid UTF-8 at byte 0");
  CHECK(error_text([] { make_char_tokenizer("ab\xC3"); }) == "usage: invalid UTF-8 at byte 2");
}

TEST_CASE("an empty text has no ids, and an empty alphabet is a tokenizer") {
  const auto none = make_char_tokenizer("");
  CHECK(none->vocab_size() == 0);
  for (const auto* tokenizer : {none.get()}) CHECK(encode(*tokenizer, "").empty());
  CHECK(encode(*make_byte_tokenizer(), "").empty());
  CHECK(encode(*small_bpe(), "").empty());
}

TEST_CASE("a saved tokenizer is loaded as the same, from its file or its folder") {
  const TemporaryDirectory directory;
  const std::string text = "the cat's hat\n";
  std::unique_ptr<Tokenizer> all[] = {make_char_tokenizer(text + "\xC3\xA9\xF0\x9F\x98\x80"),
                                      make_byte_tokenizer(), small_bpe()};
  for (const auto& saved : all) {
    const std::string path = directory.file("tokenizer.json");
    write_file_durably(path, saved->to_json().dump(2));
    for (const std::string& place : {path, directory.path()}) {
      const auto loaded = load_tokenizer(place);
      CHECK(loaded->digest() == saved->digest());
      CHECK(loaded->vocab_size() == saved->vocab_size());
      CHECK(loaded->eos() == saved->eos());
      CHECK(encode(*loaded, text) == encode(*saved, text));
    }
  }
}

TEST_CASE("a missing tokenizer is an error that names the file") {
  const TemporaryDirectory directory;
  const auto error = error_of([&] { load_tokenizer(directory.path()); });
  REQUIRE(error);
  CHECK(error->code() == ExitCode::kDamaged);
  CHECK_THAT(error->what(), ContainsSubstring(directory.file("tokenizer.json")));
}

TEST_CASE("an id outside the vocabulary is a bug, not a read beyond the end") {
  const auto tokenizer = make_byte_tokenizer();
  CHECK_THROWS_AS(tokenizer->bytes(257), Error);
  CHECK_THROWS_AS(tokenizer->bytes(-1), Error);
  CHECK_THROWS_AS(tokenizer->name(257), Error);
}

TEST_CASE("a BPE needs room for every byte and ends when no pair is left") {
  const std::string_view text = "ab";
  CHECK(error_text([&] { train_bpe(std::span(&text, 1), 256); }) ==
        "usage: a byte-level BPE needs at least 257 tokens, not 256");
  CHECK(train_bpe(std::span(&text, 1), 257)->vocab_size() == 257);
  CHECK(train_bpe(std::span(&text, 1), 1000)->vocab_size() == 258);
  CHECK(train_bpe({}, 1000)->vocab_size() == 257);
}

TEST_CASE("a stream gives whole characters and replaces what can be none") {
  const auto bytes = make_byte_tokenizer();
  CHECK(pushed(*bytes, "a\xC3\xA9") == "a||\xC3\xA9|");
  CHECK(pushed(*bytes, "\xF0\x9F\x98\x80!") == "|||\xF0\x9F\x98\x80|!|");
  CHECK(pushed(*bytes, "\xF0\x9F\x98") == "|||\xEF\xBF\xBD");
  CHECK(pushed(*bytes, "\xE2\x82z") == "||\xEF\xBF\xBDz|");
  CHECK(pushed(*bytes, "\xFF\x80") == "\xEF\xBF\xBD|\xEF\xBF\xBD|");
  CHECK(pushed(*bytes, "\xED\xA0\x80") == "|\xEF\xBF\xBD\xEF\xBF\xBD|\xEF\xBF\xBD|");
}

}  // namespace llmops::tokenizer
