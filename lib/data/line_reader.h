#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/input_file.h"

namespace llmops::data {

// Reads a file line by line and checks that it is UTF-8. A carriage return before the line feed
// belongs to the end of the line; a byte order mark before the first line is dropped.
class LineReader {
 public:
  LineReader(InputFile& file, std::string path) : file_(file), path_(std::move(path)) {}

  // Sets `line` to the next line without its end, valid until the next call. Returns false after
  // the last line.
  bool next(std::string_view& line);
  int number() const;  // of the current line, from 1

 private:
  InputFile& file_;
  std::string path_;
  std::string buffer_, block_;
  std::size_t start_ = 0;
  bool at_end_ = false;
  std::int64_t number_ = 0;
};

// A position in a text: line and byte within it, from 1.
struct TextPosition {
  std::int64_t line = 1, column = 1;
  void pass(std::string_view text);  // moves to the end of the text
};

// Returns a line or column for a message, at most 2 billion.
int shown_number(std::int64_t number);

// Throws Error(kUsage) at file, line and column when the text, which begins at `start`, is not
// UTF-8.
void check_utf8(std::string_view text, const std::string& path, TextPosition start);

}  // namespace llmops::data
