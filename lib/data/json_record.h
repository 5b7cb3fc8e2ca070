#pragma once

#include <string>
#include <string_view>

#include "data/documents.h"
#include "data/line_reader.h"

namespace llmops::data {

// Passes the text of one JSON object on as a document: its member `field` or, for "a.b" without a
// member of that name, member b of its member a. The record begins at `start`. Throws Error(kUsage)
// when it is not an object or has no such text.
void read_json_record(std::string_view record, const std::string& path, const TextPosition& start,
                      const std::string& field, DocumentSink& sink);

}  // namespace llmops::data
