#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace llmops::text {

// GPT-2's spelling of bytes as printable characters: in tokenizer.json byte 0x20 is "Ġ".
const std::string& spell_byte(unsigned char byte);
// The bytes of a spelled token; nothing when a character stands for no byte.
std::optional<std::string> unspell(std::string_view name);

}  // namespace llmops::text
