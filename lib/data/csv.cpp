#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "data/documents.h"
#include "data/line_reader.h"

namespace llmops::data {

namespace {

constexpr std::size_t kMaxFieldBytes = std::size_t{1} << 30;

// Reads comma-separated values (RFC 4180): quoted fields may hold commas, doubled quotes and line
// breaks. Tab-separated values are read in the same way, except that a quote within a field is
// text: programs that do not quote write it so.
class CsvReader {
 public:
  CsvReader(InputFile& file, const std::string& path, char separator)
      : lines_(file, path), path_(path), separator_(separator) {}

  // Sets `fields` to those of the next record and skips blank lines. Returns false at the end.
  bool next(std::vector<std::string>& fields) {
    fields.clear();
    std::string_view line;
    do {
      if (!lines_.next(line)) return false;
    } while (line.empty());
    line_ = lines_.number();
    fields.emplace_back();
    while (read_line(line, fields)) {
      fields.back() += '\n';
      if (fields.back().size() > kMaxFieldBytes || !lines_.next(line)) {
        throw usage_error("a quote is not closed").at(path_, line_);
      }
    }
    return true;
  }
  int line() const { return line_; }  // at which the record begins

 private:
  // Returns whether the line ends within quotes.
  bool read_line(std::string_view line, std::vector<std::string>& fields) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (quoted_) {
        if (c != '"') {
          fields.back() += c;
        } else if (i + 1 < line.size() && line[i + 1] == '"') {
          fields.back() += line[++i];
        } else {
          quoted_ = false;
          if (i + 1 < line.size() && line[i + 1] != separator_) {
            throw usage_error("text after a closing quote").at(path_, lines_.number());
          }
        }
      } else if (c == separator_) {
        fields.emplace_back();
      } else if (c == '"' && (separator_ == ',' || fields.back().empty())) {
        if (!fields.back().empty()) {
          throw usage_error("a quote within an unquoted field").at(path_, lines_.number());
        }
        quoted_ = true;
      } else {
        fields.back() += c;
      }
    }
    return quoted_;
  }

  LineReader lines_;
  std::string path_;
  char separator_;
  bool quoted_ = false;
  int line_ = 0;
};

}  // namespace

void read_csv(InputFile& file, const std::string& path, char separator, const std::string& field,
              DocumentSink& sink) {
  CsvReader csv(file, path, separator);
  std::vector<std::string> header, row;
  if (!csv.next(header)) return;
  const auto found = std::find(header.begin(), header.end(), field);
  if (found == header.end()) {
    throw usage_error("no column \"{}\"", printable(field))
        .at(path, csv.line())
        .hint("set the source's `field`");
  }
  if (std::find(found + 1, header.end(), field) != header.end()) {
    throw usage_error("two columns are named \"{}\"", printable(field)).at(path, csv.line());
  }
  const auto column = static_cast<std::size_t>(found - header.begin());
  while (csv.next(row)) {
    if (row.size() != header.size()) {
      throw usage_error("{} fields where the header has {}", row.size(), header.size())
          .at(path, csv.line());
    }
    if (row[column].empty()) continue;
    sink.text(row[column]);
    sink.end_document();
  }
}

}  // namespace llmops::data
