#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/bpe_merges.h"
#include "tokenizer/token_table.h"

namespace llmops::tokenizer {

// Byte-level BPE of words that GPT-2's pattern splits.
class BpeTokenizer : public TableTokenizer {
 public:
  // The table holds every byte as a token.
  BpeTokenizer(TokenTable table, std::vector<BpeMerges::Rule> rules);
  void encode(std::string_view text, std::vector<TokenId>& out) const override;
  std::unique_ptr<Encoder> make_encoder() const override;
  Json to_json() const override;

 private:
  std::vector<BpeMerges::Rule> rules_;
  BpeMerges merges_;
};

}  // namespace llmops::tokenizer
