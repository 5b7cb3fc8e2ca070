#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "data/documents.h"
#include "data/line_reader.h"

namespace llmops::data {

void read_json_lines(InputFile& file, const std::string& path, const std::string& field,
                     DocumentSink& sink) {
  LineReader lines(file, path);
  for (std::string_view line; lines.next(line);) {
    if (trim(line).empty()) continue;
    Json row;
    try {
      row = parse_json(line, fmt::format("{}:{}", path, lines.number()));
    } catch (const Error& error) {
      throw usage_error("{}", error.what());
    }
    const Json* text = row.find(field);
    if (!row.is_object()) throw usage_error("not a JSON object").at(path, lines.number());
    if (text == nullptr) {
      throw usage_error("no field \"{}\"", printable(field))
          .at(path, lines.number())
          .hint("set the source's `field`");
    }
    if (!text->is_string()) {
      throw usage_error("field \"{}\" is not a string", printable(field)).at(path, lines.number());
    }
    if (text->as_string().empty()) continue;
    sink.text(text->as_string());
    sink.end_document();
  }
}

}  // namespace llmops::data
