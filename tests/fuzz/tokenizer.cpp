// A tokenizer.json in the first line, a text to encode after it.
#include "tokenizer/tokenizer.h"

#include "tests/fuzz/fuzz.h"

using llmops::fuzz::require;
using llmops::fuzz::returns;
using namespace llmops::tokenizer;

namespace {

void encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> ids, cached;
  if (!returns([&] { tokenizer.encode(text, ids); })) return;
  require(tokenizer.decode(ids) == text, "the text comes back");
  tokenizer.make_encoder()->encode(text, cached);
  require(cached == ids, "an encoder gives the same ids");
  StreamDecoder decoder(tokenizer);
  std::string streamed;
  for (const TokenId id : ids) streamed += decoder.push(id);
  streamed += decoder.finish();
  require(!llmops::invalid_utf8(streamed), "a stream is valid UTF-8");
  require(llmops::invalid_utf8(text) || streamed == text, "a stream gives the text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = llmops::fuzz::text_of(data, size);
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  std::unique_ptr<Tokenizer> tokenizer;
  if (!returns([&] { tokenizer = read_tokenizer(llmops::parse_json(line, "t"), "t"); })) return 0;
  encode(*tokenizer, text);
  const std::string saved = tokenizer->to_json().dump();
  require(
      read_tokenizer(llmops::parse_json(saved, "saved"), "saved")->digest() == tokenizer->digest(),
      "what is saved is loaded as the same");
  return 0;
}
