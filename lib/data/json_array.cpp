#include <algorithm>
#include <utility>

#include "base/error.h"
#include "data/json_record.h"

namespace llmops::data {

namespace {

constexpr std::size_t kMaxRecordBytes = std::size_t{1} << 30;

// Reads the objects of a JSON array one after the other: the array may be larger than the memory.
// Finds the end of each object and leaves the rest to the parser.
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

  // Sets `record` to the text of the next object, valid until the next call. Returns false after
  // the last one.
  bool next(std::string_view& record) {
    skip_space();
    if (std::exchange(first_, false) ? skip(']') : !skip_comma()) return end();
    skip_space();
    if (at_ == block_.size()) throw refuse("the array is not closed");
    if (block_[at_] != '{') throw refuse("the element is not an object");
    record_.clear();
    start_ = position_;
    while (!take_object_part()) {
      if (record_.size() > kMaxRecordBytes) throw refuse("an object of more than 1 GiB");
      if (!fill()) throw refuse("the object that begins here is not closed");
    }
    position_.pass(record_);
    record = record_;
    return true;
  }
  const TextPosition& start() const { return start_; }  // of the record

 private:
  Error refuse(std::string_view why, std::string_view remedy = "") const {
    Error error = usage_error("{}", why).at(path_, shown_number(position_.line),
                                            shown_number(position_.column));
    return remedy.empty() ? error : error.hint(remedy);
  }

  // Reads the next block. Returns false at the end of the file.
  bool fill() {
    at_ = 0;
    if (file_.read(block_)) return true;
    block_.clear();
    return false;
  }

  void skip_space() {
    for (;;) {
      const std::size_t end = std::min(block_.find_first_not_of(" \t\r\n", at_), block_.size());
      position_.pass(std::string_view(block_).substr(at_, end - at_));
      at_ = end;
      if (at_ < block_.size() || !fill()) return;
    }
  }
  bool skip(char wanted) {
    if (at_ == block_.size() || block_[at_] != wanted) return false;
    ++at_;
    ++position_.column;
    return true;
  }

  // Returns true before another element, false after the last.
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

  // Appends to the record up to the end of the object or of the block. Returns whether the object
  // ended.
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
  TextPosition position_, start_;
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
