#include "text/tokenizer.h"

#include "base/hash.h"
#include "text/unicode.h"

namespace llmops::text {

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

// Length of the character that `lead` begins, 1 when it begins none.
std::size_t expected_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1;
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

}  // namespace

std::unique_ptr<Encoder> Tokenizer::make_encoder() const {
  return std::make_unique<PlainEncoder>(*this);
}

std::string StreamDecoder::push(TokenId id) {
  waiting_ += tokenizer_.bytes(id);
  std::string ready;
  std::size_t pos = 0;
  while (pos < waiting_.size()) {
    const CodePoint point = decode_utf8(waiting_, pos);
    if (point.value != kInvalidCodePoint) {
      ready.append(waiting_, pos, point.length);
    } else if (waiting_.size() - pos < expected_length(waiting_[pos])) {
      break;  // the rest may still come
    } else {
      ready += kReplacement;
    }
    pos += point.length;
  }
  waiting_.erase(0, pos);
  return ready;
}

std::string StreamDecoder::finish() {
  std::string rest;
  for (std::size_t i = 0; i < waiting_.size(); ++i) rest += kReplacement;
  waiting_.clear();
  return rest;
}

}  // namespace llmops::text
