#include "tokenizer/byte_tokenizer.h"

#include <utility>

#include "tokenizer/byte_alphabet.h"

namespace llmops::tokenizer {

ByteTokenizer::ByteTokenizer(TokenTable table) : TableTokenizer(std::move(table)) {
  for (TokenId id = 0; id < vocab_size(); ++id) {
    if (bytes(id).size() == 1) ids_[static_cast<unsigned char>(bytes(id)[0])] = id;
  }
}

void ByteTokenizer::encode(std::string_view text, std::vector<TokenId>& out) const {
  out.reserve(out.size() + text.size());
  for (const char c : text) out.push_back(ids_[static_cast<unsigned char>(c)]);
}

Json byte_level_json(bool use_regex) {
  return Json::object()
      .set("type", "ByteLevel")
      .set("add_prefix_space", false)
      .set("trim_offsets", true)
      .set("use_regex", use_regex);
}

Json bpe_model_json(const TokenTable& table, Json merges) {
  // With special tokens: `tokenizers` gives an added token a new id when the model does not have
  // it.
  Json vocab = Json::object();
  Json::Object& members = vocab.as_object();
  for (std::size_t id = 0; id < table.names.size(); ++id) {
    members.emplace_back(table.names[id], Json(id));
  }
  return Json::object()
      .set("type", "BPE")
      .set("dropout", nullptr)
      .set("unk_token", nullptr)
      .set("continuing_subword_prefix", nullptr)
      .set("end_of_word_suffix", nullptr)
      .set("fuse_unk", false)
      .set("byte_fallback", false)
      .set("ignore_merges", false)
      .set("vocab", std::move(vocab))
      .set("merges", std::move(merges));
}

Json ByteTokenizer::to_json() const {
  return envelope(bpe_model_json(table(), Json::array()), byte_level_json(false),
                  byte_level_json(true));
}

std::unique_ptr<Tokenizer> make_byte_tokenizer() {
  TokenTable table;
  for (int byte = 0; byte < 256; ++byte) {
    const auto value = static_cast<unsigned char>(byte);
    table.add(spell_byte(value), std::string(1, static_cast<char>(value)));
  }
  table.end = table.add_special(kEndOfText);
  return std::make_unique<ByteTokenizer>(std::move(table));
}

}  // namespace llmops::tokenizer
