#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace llmops::tokenizer {

// Returns GPT-2's spelling of a byte as a printable character: in tokenizer.json byte 0x20 is "Ġ".
const std::string& spell_byte(unsigned char byte);
// Returns the bytes of a spelled token; nothing when a character is not the spelling of a byte.
std::optional<std::string> unspell(std::string_view name);

}  // namespace llmops::tokenizer
