#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace llmops::tokenizer {

constexpr std::string_view kEndOfText = "<|endoftext|>";

// The ids of a tokenizer: bytes and name of each, and the special ones.
struct TokenTable {
  std::vector<std::string> bytes;  // of each id; empty for special tokens
  std::vector<std::string> names;
  std::vector<TokenId> special;
  std::optional<TokenId> end;  // see Tokenizer::eos()

  TokenId add(std::string name, std::string text_bytes);
  TokenId add_special(std::string_view name);
};

class TableTokenizer : public Tokenizer {
 public:
  std::int64_t vocab_size() const override {
    return static_cast<std::int64_t>(table_.names.size());
  }
  std::string_view bytes(TokenId id) const override { return table_.bytes[checked(id)]; }
  std::string_view name(TokenId id) const override { return table_.names[checked(id)]; }
  std::optional<TokenId> eos() const override { return table_.end; }

 protected:
  explicit TableTokenizer(TokenTable table) : table_(std::move(table)) {}
  const TokenTable& table() const { return table_; }
  // tokenizer.json around a model, with the special tokens of the table.
  Json envelope(Json model, Json pre_tokenizer, Json decoder) const;

 private:
  std::size_t checked(TokenId id) const;
  TokenTable table_;
};

}  // namespace llmops::tokenizer
