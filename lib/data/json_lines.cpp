#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "data/json_record.h"

namespace llmops::data {

namespace {

// Finds a member by its path. A member whose own name has dots is preferred to nested members.
const Json* find_field(const Json& row, std::string_view field) {
  const Json* found = row.find(field);
  for (std::size_t dot = field.find('.'); found == nullptr && dot != std::string_view::npos;
       dot = field.find('.', dot + 1)) {
    const Json* outer = row.find(field.substr(0, dot));
    if (outer != nullptr) found = find_field(*outer, field.substr(dot + 1));
  }
  return found;
}

}  // namespace

void read_json_record(std::string_view record, const std::string& path, const TextPosition& start,
                      const std::string& field, DocumentSink& sink) {
  const int line = shown_number(start.line);
  Json row;
  try {
    row = parse_json(record, fmt::format("{}:{}", path, line));
  } catch (const Error& error) {
    throw usage_error("{}", error.what());
  }
  const Json* text = find_field(row, field);
  if (!row.is_object()) throw usage_error("not a JSON object").at(path, line);
  if (text == nullptr) {
    throw usage_error("no field \"{}\"", printable(field))
        .at(path, line)
        .hint("set the source's `field`");
  }
  if (!text->is_string()) {
    throw usage_error("field \"{}\" is not a string", printable(field)).at(path, line);
  }
  if (text->as_string().empty()) return;
  sink.text(text->as_string());
  sink.end_document();
}

void read_json_lines(InputFile& file, const std::string& path, const std::string& field,
                     DocumentSink& sink) {
  LineReader lines(file, path);
  for (std::string_view line; lines.next(line);) {
    if (!trim(line).empty()) read_json_record(line, path, {lines.number(), 1}, field, sink);
  }
}

}  // namespace llmops::data
