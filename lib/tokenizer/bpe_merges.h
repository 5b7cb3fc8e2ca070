#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace llmops::tokenizer {

// The merge rules of a byte-pair encoding, in order of priority: a pair of tokens and the token
// that replaces it. Immutable; safe from any thread.
class BpeMerges {
 public:
  struct Rule {
    TokenId left = 0, right = 0, result = 0;
  };
  // byte_ids: the token of each byte.
  BpeMerges(const std::vector<TokenId>& byte_ids, const std::vector<Rule>& rules);

  // Appends the tokens of one word. Applies the rule with the highest priority first, the leftmost
  // pair first. Takes n log n time in the length of the word.
  void apply(std::string_view word, std::vector<TokenId>& out) const;

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  struct Slot {
    std::uint64_t key = ~std::uint64_t{0};
    std::uint32_t rank = kNone;
    TokenId result = 0;
  };

  const Slot* find(TokenId left, TokenId right) const;
  void apply_short(std::string_view word, std::vector<TokenId>& out) const;
  void apply_long(std::string_view word, std::vector<TokenId>& out) const;

  std::vector<TokenId> byte_ids_;
  std::vector<Slot> slots_;  // open addressing, at most half full
  int shift_ = 0;
};

}  // namespace llmops::tokenizer
