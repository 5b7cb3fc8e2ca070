#pragma once

#include <array>
#include <string_view>

#include "tokenizer/token_table.h"

namespace llmops::tokenizer {

// One id per byte: byte-level BPE without merges.
class ByteTokenizer : public TableTokenizer {
 public:
  // The table holds every byte as a token.
  explicit ByteTokenizer(TokenTable table);
  void encode(std::string_view text, std::vector<TokenId>& out) const override;
  Json to_json() const override;

 private:
  std::array<TokenId, 256> ids_{};
};

// Return parts of tokenizer.json that the byte-level kinds share.
Json byte_level_json(bool use_regex);
Json bpe_model_json(const TokenTable& table, Json merges);

}  // namespace llmops::tokenizer
