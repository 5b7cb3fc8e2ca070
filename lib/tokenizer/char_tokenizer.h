#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/token_table.h"
#include "tokenizer/unicode.h"

namespace llmops::tokenizer {

// The characters of a text, collected piece by piece.
class Alphabet {
 public:
  // Throws Error(kUsage) with the byte offset for invalid UTF-8.
  void add(std::string_view text);
  std::vector<char32_t> code_points() const;  // ascending

 private:
  std::vector<bool> seen_ = std::vector<bool>(0x80);
};

constexpr std::string_view kEveryCharacter = "[\\s\\S]";  // the pattern in tokenizer.json

// One id per code point.
class CharTokenizer : public TableTokenizer {
 public:
  explicit CharTokenizer(TokenTable table);
  void encode(std::string_view text, std::vector<TokenId>& out) const override;
  Json to_json() const override;

 private:
  std::vector<TokenId> ids_;  // by code point, -1 where there is none
};

std::unique_ptr<Tokenizer> make_char_tokenizer(const Alphabet& alphabet);

}  // namespace llmops::tokenizer
