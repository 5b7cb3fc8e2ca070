#include <utility>

#include "base/text.h"
#include "data/documents.h"
#include "data/input_file.h"
#include "data/line_reader.h"

namespace llmops::data {

namespace {

// Returns how many bytes at the start of `text` are whole characters: all but a last character
// that the end of a block cuts.
std::size_t whole_characters(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0 && text.size() - end < 3 && (text[end - 1] & 0xC0) == 0x80) --end;
  if (end == 0 || (text[end - 1] & 0x80) == 0) return text.size();  // no lead byte
  --end;
  return decode_utf8(text, end).value != kInvalidCodePoint ? text.size() : end;
}

void read_whole(InputFile& file, const std::string& path, DocumentSink& sink) {
  std::string block, pending;  // pending: bytes of a character that the block cuts
  TextPosition position;
  bool first = true, any = false;
  while (file.read(block)) {
    pending += block;
    if (std::exchange(first, false) && pending.starts_with("\xEF\xBB\xBF")) pending.erase(0, 3);
    const std::string_view whole = std::string_view(pending).substr(0, whole_characters(pending));
    check_utf8(whole, path, position);
    position.pass(whole);
    any = any || !whole.empty();
    sink.text(whole);
    pending.erase(0, whole.size());
  }
  check_utf8(pending, path, position);
  if (any) sink.end_document();
}

bool is_blank(std::string_view line) {
  return trim(line).empty();
}

void read_text_lines(InputFile& file, const std::string& path, DocumentSink& sink) {
  LineReader lines(file, path);
  for (std::string_view line; lines.next(line);) {
    if (is_blank(line)) continue;
    sink.text(line);
    sink.text("\n");
    sink.end_document();
  }
}

void read_paragraphs(InputFile& file, const std::string& path, DocumentSink& sink) {
  LineReader lines(file, path);
  bool open = false;
  for (std::string_view line; lines.next(line);) {
    if (!is_blank(line)) {
      sink.text(line);
      sink.text("\n");
      open = true;
    } else if (std::exchange(open, false)) {
      sink.end_document();
    }
  }
  if (open) sink.end_document();
}

}  // namespace

void read_text(InputFile& file, const std::string& path, std::string_view document_kind,
               DocumentSink& sink) {
  if (document_kind == "line") {
    read_text_lines(file, path, sink);
  } else if (document_kind == "paragraph") {
    read_paragraphs(file, path, sink);
  } else {
    read_whole(file, path, sink);
  }
}

}  // namespace llmops::data
