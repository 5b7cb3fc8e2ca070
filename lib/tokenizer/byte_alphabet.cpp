#include "tokenizer/byte_alphabet.h"

#include <array>

#include "tokenizer/unicode.h"

namespace llmops::tokenizer {

namespace {

// A printable Latin-1 byte is spelled as itself; the others are U+0100 and up, in byte order.
struct ByteSpelling {
  std::array<std::string, 256> spelling;
  std::array<int, 512> byte_of;

  ByteSpelling() {
    byte_of.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool plain = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
      const char32_t c = plain ? static_cast<char32_t>(byte) : next++;
      append_utf8(c, spelling[static_cast<std::size_t>(byte)]);
      byte_of[c] = byte;
    }
  }
};

const ByteSpelling& alphabet() {
  static const ByteSpelling table;
  return table;
}

}  // namespace

const std::string& spell_byte(unsigned char byte) {
  return alphabet().spelling[byte];
}

std::optional<std::string> unspell(std::string_view name) {
  std::string bytes;
  for (std::size_t pos = 0; pos < name.size();) {
    const CodePoint point = decode_utf8(name, pos);
    if (point.value >= alphabet().byte_of.size() || alphabet().byte_of[point.value] < 0) return {};
    bytes += static_cast<char>(alphabet().byte_of[point.value]);
    pos += point.length;
  }
  return bytes;
}

}  // namespace llmops::tokenizer
