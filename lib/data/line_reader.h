#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/input_file.h"

namespace llmops::data {

// The lines of a file, checked to be UTF-8. A carriage return before the line feed belongs to the
// end of the line; a byte order mark before the first line is dropped.
class LineReader {
 public:
  LineReader(InputFile& file, std::string path) : file_(file), path_(std::move(path)) {}

  // The next line without its end, valid until the next call; false after the last.
  bool next(std::string_view& line);
  int number() const;  // of the line that next() gave, from 1

 private:
  InputFile& file_;
  std::string path_;
  std::string buffer_, block_;
  std::size_t start_ = 0;
  bool at_end_ = false;
  std::int64_t number_ = 0;
};

// A place in a text: line and byte within it, from 1.
struct TextPlace {
  std::int64_t line = 1, column = 1;
  void pass(std::string_view text);  // moves on behind it
};

// A line or column as messages show it; the last for those beyond.
int place_number(std::int64_t number);

// Throws Error(kUsage) at file, line and column when the text is not UTF-8; `start` is its place.
void check_utf8(std::string_view text, const std::string& path, TextPlace start);

}  // namespace llmops::data
