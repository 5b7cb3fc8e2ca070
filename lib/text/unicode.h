#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"

namespace llmops::text {

void append_utf8(char32_t code_point, std::string& out);
// Code points of valid UTF-8.
std::int64_t count_code_points(std::string_view text);
// The byte offset of code point `index` of valid UTF-8; text.size() when there are fewer.
std::size_t code_point_offset(std::string_view text, std::int64_t index);

// The classes that GPT-2's pattern tells apart: \p{L}, \p{N}, \s (White_Space) and the rest, to
// which invalid bytes belong.
enum class CharClass : std::uint8_t { kOther, kLetter, kNumber, kSpace };
CharClass char_class(char32_t code_point);

// A position in [from, text.size()] at which the text may be cut so that every tokenizer here gives
// the ids of the whole for the two parts: before white space that follows something else. Nothing
// of the text before `from` is looked at but its last character.
std::size_t safe_cut(std::string_view text, std::size_t from);

}  // namespace llmops::text
