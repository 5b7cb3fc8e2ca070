#include <algorithm>
#include <utility>

#include "base/error.h"
#include "data/json_record.h"

namespace llmops::data {

namespace {

constexpr std::size_t kMaxRecordBytes = std::size_t{1} << 30;

// The objects of a JSON array, one after the other, so that the array may be larger than the
// memory. Looks for where each ends and leaves the rest to the parser.
class ArrayReader {
 public:
  ArrayReader(InputFile& file, const std::string& path) : file_(file), path_(path) {
    if (fill() && block_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    skip_space();
    const bool object = at_ < block_.size() && block_[at_] == '{';
    if (!skip('[')) {
      throw refuse("not an array of objects",
                   object ? "for an object on each line, set the source's `format` to jsonl"
                          : "name the files to read, or set the source's `format`");
    }
  }

  // The next object as it is written, valid until the next call; false after the last.
  bool next(std::string_view& record) {
    skip_space();
    if (std::exchange(first_, false) ? skip(']') : !skip_comma()) return end();
    skip_space();
    if (at_ == block_.size()) throw refuse("the array is not closed");
    if (block_[at_] != '{') throw refuse("the element is not an object");
    record_.clear();
    start_ = place_;
    while (!take_object_part()) {
      if (record_.size() > kMaxRecordBytes) throw refuse("an object of more than 1 GiB");
      if (!fill()) throw refuse("the object that begins here is not closed");
    }
    place_.pass(record_);
    record = record_;
    return true;
  }
  const TextPlace& start() const { return start_; }  // of the record

 private:
  Error refuse(std::string_view why, std::string_view remedy = "") const {
    Error error =
        usage_error("{}", why).at(path_, place_number(place_.line), place_number(place_.column));
    return remedy.empty() ? error : error.hint(remedy);
  }

  // Reads the next block; false at the end of the file.
  bool fill() {
    at_ = 0;
    if (file_.read(block_)) return true;
    block_.clear();
    return false;
  }

  void skip_space() {
    for (;;) {
      const std::size_t end = std::min(block_.find_first_not_of(" \t\r\n", at_), block_.size());
      place_.pass(std::string_view(block_).substr(at_, end - at_));
      at_ = end;
      if (at_ < block_.size() || !fill()) return;
    }
  }
  bool skip(char wanted) {
    if (at_ == block_.size() || block_[at_] != wanted) return false;
    ++at_;
    ++place_.column;
    return true;
  }

  // True before another element, false after the last.
  bool skip_comma() {
    if (skip(',')) return true;
    if (skip(']')) return false;
    throw refuse(at_ == block_.size() ? "the array is not closed" : "expected ',' or ']'");
  }
  bool end() {
    skip_space();
    if (at_ < block_.size()) throw refuse("text after the array");
    return false;
  }

  // Appends to the record up to its end, which it returns true for, or that of the block.
  bool take_object_part() {
    const std::size_t from = at_;
    bool ended = false;
    while (at_ < block_.size() && !ended) {
      const char c = block_[at_++];
      if (in_string_) {
        if (std::exchange(escaped_, false)) continue;
        escaped_ = c == '\\';
        in_string_ = c != '"';
      } else if (c == '"') {
        in_string_ = true;
      } else if (c == '{' || c == '[') {
        ++depth_;
      } else if (c == '}' || c == ']') {
        ended = --depth_ == 0;
      }
    }
    record_.append(block_, from, at_ - from);
    return ended;
  }

  InputFile& file_;
  const std::string& path_;
  std::string block_, record_;
  std::size_t at_ = 0;  // in block_
  TextPlace place_, start_;
  std::int64_t depth_ = 0;
  bool first_ = true, in_string_ = false, escaped_ = false;
};

}  // namespace

void read_json_array(InputFile& file, const std::string& path, const std::string& field,
                     DocumentSink& sink) {
  ArrayReader array(file, path);
  for (std::string_view record; array.next(record);) {
    read_json_record(record, path, array.start(), field, sink);
  }
}

}  // namespace llmops::data
