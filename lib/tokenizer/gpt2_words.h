#pragma once

#include <cstddef>
#include <string_view>

namespace llmops::tokenizer {

// Returns the end of the word that begins at text[pos], pos < text.size(), by GPT-2's pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// An invalid byte counts as neither letter, number nor white space.
std::size_t gpt2_word_end(std::string_view text, std::size_t pos);

}  // namespace llmops::tokenizer
