#include "data/chunker.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "tokenizer/unicode.h"

namespace llmops::data {

namespace {
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxWordBytes = std::size_t{256} << 20;
}  // namespace

void Chunker::text(std::string_view piece) {
  if (split_after_) {
    const std::int64_t characters = tokenizer::count_code_points(piece);
    if (*split_after_ < characters) {
      const std::size_t cut = tokenizer::code_point_offset(piece, *split_after_);
      split_after_.reset();
      append(piece.substr(0, cut));
      chunk_.ends.push_back({chunk_.text.size(), false});
      piece.remove_prefix(cut);
    } else {
      *split_after_ -= characters;
    }
  }
  append(piece);
}

void Chunker::append(std::string_view piece) {
  // In slices: appended at once, each chunk of a long piece would move all the text after it.
  while (piece.size() > kChunkBytes) {
    std::size_t end = kChunkBytes;
    while ((piece[end] & 0xC0) == 0x80) --end;  // the start of a character
    append_slice(piece.substr(0, end));
    piece.remove_prefix(end);
  }
  append_slice(piece);
}

void Chunker::append_slice(std::string_view piece) {
  chunk_.text += piece;
  while (chunk_.text.size() > kChunkBytes) {
    // Do not cut within a finished document: its end must stay within the text of this chunk.
    const std::size_t last_end = chunk_.ends.empty() ? 0 : chunk_.ends.back().offset;
    const std::size_t from = std::max({kChunkBytes, searched_, last_end + 1});
    if (from >= chunk_.text.size()) return;
    const std::size_t cut = tokenizer::safe_cut(chunk_.text, from);
    if (cut == chunk_.text.size()) {
      searched_ = cut - std::min<std::size_t>(cut, 4);  // the cut may need the next piece's start
      if (cut - last_end > kMaxWordBytes) {
        throw usage_error("a word of more than 256 MiB; text without white space cannot be read");
      }
      return;
    }
    flush(cut);
  }
}

void Chunker::end_document() {
  chunk_.ends.push_back({chunk_.text.size(), true});
  if (chunk_.text.size() >= kChunkBytes || chunk_.ends.size() >= kChunkBytes / 16) {
    flush(chunk_.text.size());
  }
}

void Chunker::flush(std::size_t bytes) {
  Chunk rest;
  rest.text = chunk_.text.substr(bytes);
  chunk_.text.resize(bytes);
  rest.document = chunk_.document;
  rest.line = chunk_.line;
  std::size_t line_from = 0;
  for (const Chunk::End& end : chunk_.ends) {
    if (!end.complete) continue;
    ++rest.document;
    rest.line = 1;
    line_from = end.offset;
  }
  rest.line += std::count(chunk_.text.begin() + static_cast<std::ptrdiff_t>(line_from),
                          chunk_.text.end(), '\n');
  searched_ = 0;
  take_(std::exchange(chunk_, std::move(rest)));
}

void Chunker::finish() {
  if (!chunk_.text.empty() || !chunk_.ends.empty()) flush(chunk_.text.size());
}

}  // namespace llmops::data
