#include "tokenizer/tokenizer.h"

#include "base/hash.h"
#include "tokenizer/unicode.h"

namespace llmops::tokenizer {

std::string Tokenizer::decode(std::span<const TokenId> ids) const {
  std::string text;
  for (const TokenId id : ids) text += bytes(id);
  return text;
}

std::string Tokenizer::digest() const {
  return sha256(to_json().dump());
}

namespace {

class PlainEncoder : public Encoder {
 public:
  explicit PlainEncoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  void encode(std::string_view text, std::vector<TokenId>& out) override {
    tokenizer_.encode(text, out);
  }

 private:
  const Tokenizer& tokenizer_;
};

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Returns how many bytes at the start could begin a character, at least 1: one U+FFFD replaces them
// (Unicode 16, section 3.9, "substitution of maximal subparts").
std::size_t beginning_of_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0xC2 || lead > 0xF4) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (text.size() < 2 || byte(1) < low || byte(1) > high) return 1;
  std::size_t count = 2;
  while (count < length && count < text.size() && (byte(count) & 0xC0) == 0x80) ++count;
  return count;
}

bool may_go_on(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  return lead >= 0xC2 && lead <= 0xF4 && text.size() < length &&
         beginning_of_character(text) == text.size();
}

}  // namespace

std::unique_ptr<Encoder> Tokenizer::make_encoder() const {
  return std::make_unique<PlainEncoder>(*this);
}

std::string StreamDecoder::push(TokenId id) {
  waiting_ += tokenizer_.bytes(id);
  std::string ready;
  std::string_view rest = waiting_;
  while (!rest.empty() && !may_go_on(rest)) {
    const CodePoint point = decode_utf8(rest, 0);
    const bool valid = point.value != kInvalidCodePoint;
    const std::size_t length = valid ? point.length : beginning_of_character(rest);
    ready += valid ? rest.substr(0, length) : kReplacement;
    rest.remove_prefix(length);
  }
  waiting_.erase(0, waiting_.size() - rest.size());
  return ready;
}

std::string StreamDecoder::finish() {
  const bool any = !waiting_.empty();
  waiting_.clear();
  return std::string(any ? kReplacement : "");
}

}  // namespace llmops::tokenizer
