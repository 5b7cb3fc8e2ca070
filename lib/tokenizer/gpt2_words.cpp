#include "tokenizer/gpt2_words.h"

#include <array>

#include "base/text.h"
#include "tokenizer/unicode.h"

namespace llmops::tokenizer {

namespace {

constexpr std::array<CharClass, 128> make_ascii_classes() {
  std::array<CharClass, 128> classes{};
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    classes[c] = letter                 ? CharClass::kLetter
                 : c >= '0' && c <= '9' ? CharClass::kNumber
                 : space                ? CharClass::kSpace
                                        : CharClass::kOther;
  }
  return classes;
}
constexpr std::array<CharClass, 128> kAscii = make_ascii_classes();

struct Seen {
  CharClass kind;
  std::size_t length;
};

inline Seen look(std::string_view text, std::size_t pos) {
  const auto byte = static_cast<unsigned char>(text[pos]);
  if (byte < 0x80) return {kAscii[byte], 1};
  const CodePoint point = decode_utf8(text, pos);
  return {char_class(point.value), point.length};
}

// Returns the length of the contraction at text[pos] == '\'', 0 when there is none.
std::size_t contraction(std::string_view text, std::size_t pos) {
  const std::string_view rest = text.substr(pos + 1, 2);
  if (rest.empty()) return 0;
  if (rest[0] == 's' || rest[0] == 't' || rest[0] == 'm' || rest[0] == 'd') return 2;
  return rest == "re" || rest == "ve" || rest == "ll" ? 3 : 0;
}

// Returns the end of white space. Of more than one character the last is left to the next word.
std::size_t space_end(std::string_view text, std::size_t pos) {
  const std::size_t begin = pos;
  std::size_t last = pos;
  while (pos < text.size()) {
    const Seen seen = look(text, pos);
    if (seen.kind != CharClass::kSpace) return last > begin ? last : pos;
    last = pos;
    pos += seen.length;
  }
  return pos;
}

}  // namespace

std::size_t gpt2_word_end(std::string_view text, std::size_t pos) {
  if (text[pos] == '\'') {
    if (const std::size_t length = contraction(text, pos)) return pos + length;
  }
  Seen seen = look(text, pos);
  if (seen.kind == CharClass::kSpace) {
    if (text[pos] != ' ' || pos + 1 == text.size()) return space_end(text, pos);
    const Seen next = look(text, pos + 1);
    if (next.kind == CharClass::kSpace) return space_end(text, pos);
    ++pos;
    seen = next;
  }
  const CharClass kind = seen.kind;
  do {
    pos += seen.length;
    if (pos == text.size()) return pos;
    seen = look(text, pos);
  } while (seen.kind == kind);
  return pos;
}

}  // namespace llmops::tokenizer
