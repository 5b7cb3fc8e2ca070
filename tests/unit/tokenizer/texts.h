#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace llmops::tokenizer {

inline std::string golden(std::string_view name) {
  return read_file(GOLDEN + std::string(name));
}

inline std::vector<TokenId> encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> ids;
  tokenizer.encode(text, ids);
  return ids;
}

inline std::string random_bytes(Random& random, std::size_t length) {
  std::string bytes;
  while (bytes.size() < length) bytes += static_cast<char>(random.below(256));
  return bytes;
}

// Valid UTF-8: code points of all lengths, and often what the word pattern looks at.
inline std::string random_text(Random& random, std::size_t characters) {
  constexpr std::string_view kPieces[] = {" ",   "  ", "\n",  "\t", "'", "'s",
                                          "'re", "a",  "ing", "7",  "!"};
  constexpr char32_t kEnds[] = {0x80, 0x800, 0xD800, 0x10000, 0x110000};
  std::string text;
  for (std::size_t i = 0; i < characters; ++i) {
    if (random.below(2) == 0) {
      text += kPieces[random.below(std::size(kPieces))];
      continue;
    }
    const char32_t c = static_cast<char32_t>(random.below(kEnds[random.below(std::size(kEnds))]));
    append_utf8(c >= 0xD800 && c < 0xE000 ? 0x3000 : c, text);
  }
  return text;
}

}  // namespace llmops::tokenizer
