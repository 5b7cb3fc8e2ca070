#include "tokenizer/char_tokenizer.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace llmops::tokenizer {

void Alphabet::add(std::string_view text) {
  for (std::size_t pos = 0; pos < text.size();) {
    const auto byte = static_cast<unsigned char>(text[pos]);
    if (byte < 0x80) {
      seen_[byte] = true;
      ++pos;
      continue;
    }
    const CodePoint point = decode_utf8(text, pos);
    if (point.value == kInvalidCodePoint) {
      throw usage_error("invalid UTF-8 at byte {}", pos);
    }
    if (point.value >= seen_.size()) seen_.resize(point.value + 1);
    seen_[point.value] = true;
    pos += point.length;
  }
}

std::vector<char32_t> Alphabet::code_points() const {
  std::vector<char32_t> result;
  for (std::size_t c = 0; c < seen_.size(); ++c) {
    if (seen_[c]) result.push_back(static_cast<char32_t>(c));
  }
  return result;
}

CharTokenizer::CharTokenizer(TokenTable table) : TableTokenizer(std::move(table)) {
  for (TokenId id = 0; id < vocab_size(); ++id) {
    if (bytes(id).empty()) continue;
    const char32_t c = decode_utf8(bytes(id), 0).value;
    if (c >= ids_.size()) ids_.resize(c + 1, -1);
    ids_[c] = id;
  }
}

void CharTokenizer::encode(std::string_view text, std::vector<TokenId>& out) const {
  for (std::size_t pos = 0; pos < text.size();) {
    const CodePoint point = decode_utf8(text, pos);
    if (point.value == kInvalidCodePoint) throw usage_error("invalid UTF-8 at byte {}", pos);
    const TokenId id = point.value < ids_.size() ? ids_[point.value] : -1;
    if (id < 0) {
      throw usage_error("character U+{:04X} '{}' at byte {} is not in the tokenizer's vocabulary",
                        static_cast<std::uint32_t>(point.value),
                        printable(text.substr(pos, point.length)), pos);
    }
    out.push_back(id);
    pos += point.length;
  }
}

Json CharTokenizer::to_json() const {
  // The unknown token is not in the vocabulary, so `tokenizers` refuses unknown characters, too.
  Json vocab = Json::object();
  Json::Object& members = vocab.as_object();
  for (TokenId id = 0; id < vocab_size(); ++id) {
    members.emplace_back(std::string(name(id)), Json(id));
  }
  return envelope(Json::object()
                      .set("type", "WordLevel")
                      .set("vocab", std::move(vocab))
                      .set("unk_token", "<unk>"),
                  Json::object()
                      .set("type", "Split")
                      .set("pattern", Json::object().set("Regex", kEveryCharacter))
                      .set("behavior", "Isolated")
                      .set("invert", false),
                  Json::object().set("type", "Fuse"));
}

std::unique_ptr<Tokenizer> make_char_tokenizer(const Alphabet& alphabet) {
  TokenTable table;
  for (const char32_t c : alphabet.code_points()) {
    std::string character;
    append_utf8(c, character);
    table.add(character, character);
  }
  return std::make_unique<CharTokenizer>(std::move(table));
}

std::unique_ptr<Tokenizer> make_char_tokenizer(std::string_view text) {
  Alphabet alphabet;
  alphabet.add(text);
  return make_char_tokenizer(alphabet);
}

}  // namespace llmops::tokenizer
