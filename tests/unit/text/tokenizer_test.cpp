#include "text/tokenizer.h"

#include <string>

#include "base/random.h"
#include "tests/catch.h"

namespace llmops::text {

namespace {

std::vector<TokenId> encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> ids;
  tokenizer.encode(text, ids);
  return ids;
}

}  // namespace

TEST_CASE("a trained BPE encodes and gives the text back") {
  const std::string_view text = "the cat and the hat, the bat's that; 12 and 345!  \n\nthen";
  const auto tokenizer = train_bpe(std::span(&text, 1), 270);
  CHECK(tokenizer->vocab_size() == 270);
  CHECK(tokenizer->decode(encode(*tokenizer, text)) == text);
  CHECK(encode(*tokenizer, text).size() < text.size());
}

}  // namespace llmops::text
