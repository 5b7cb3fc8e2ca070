#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"

namespace llmops::tokenizer {

void append_utf8(char32_t code_point, std::string& out);
// Counts the code points of valid UTF-8.
std::int64_t count_code_points(std::string_view text);
// Returns the byte offset of code point `index` of valid UTF-8; text.size() when there are fewer.
std::size_t code_point_offset(std::string_view text, std::int64_t index);

// The classes of GPT-2's pattern: \p{L}, \p{N}, \s (White_Space) and the rest, with invalid bytes.
enum class CharClass : std::uint8_t { kOther, kLetter, kNumber, kSpace };
CharClass char_class(char32_t code_point);

// Returns a position in [from, text.size()] where the text may be cut: every tokenizer here gives
// the same ids for the two parts as for the whole. It is before white space that follows another
// character. Of the text before `from` only the last character is read.
std::size_t safe_cut(std::string_view text, std::size_t from);

}  // namespace llmops::tokenizer
