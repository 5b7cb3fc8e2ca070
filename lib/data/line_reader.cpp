#include "data/line_reader.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace llmops::data {

namespace {
constexpr std::size_t kMaxLineBytes = std::size_t{1} << 30;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
}  // namespace

int shown_number(std::int64_t number) {
  return static_cast<int>(std::min<std::int64_t>(number, 2'000'000'000));
}

void TextPosition::pass(std::string_view text) {
  line += std::count(text.begin(), text.end(), '\n');
  const std::size_t last = text.rfind('\n');
  const bool same_line = last == std::string_view::npos;
  const auto after = static_cast<std::int64_t>(text.size() - (same_line ? 0 : last + 1));
  column = same_line ? column + after : 1 + after;
}

void check_utf8(std::string_view text, const std::string& path, TextPosition start) {
  const auto bad = invalid_utf8(text);
  if (!bad) return;
  start.pass(text.substr(0, *bad));
  const bool utf16 = start.line == 1 && start.column == 1 &&
                     (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"));
  throw usage_error("invalid UTF-8: byte 0x{:02X}", static_cast<unsigned char>(text[*bad]))
      .at(path, shown_number(start.line), shown_number(start.column))
      .hint(utf16 ? "the file is UTF-16; convert it to UTF-8" : "convert the file to UTF-8");
}

int LineReader::number() const {
  return shown_number(number_);
}

bool LineReader::next(std::string_view& line) {
  std::size_t searched = start_;
  std::size_t end = 0;
  while ((end = buffer_.find('\n', searched)) == std::string::npos && !at_end_) {
    buffer_.erase(0, start_);
    start_ = 0;
    searched = buffer_.size();
    if (buffer_.size() > kMaxLineBytes) {
      throw usage_error("a line of more than 1 GiB").at(path_, shown_number(number_ + 1));
    }
    at_end_ = !file_.read(block_);
    if (!at_end_) buffer_ += block_;
  }
  if (end == std::string::npos) {
    if (start_ == buffer_.size()) return false;
    end = buffer_.size();
  }
  line = std::string_view(buffer_).substr(start_, end - start_);
  start_ = std::min(end + 1, buffer_.size());
  if (++number_ == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(3);
  if (line.ends_with('\r')) line.remove_suffix(1);
  check_utf8(line, path_, {number_, 1});
  return true;
}

}  // namespace llmops::data
