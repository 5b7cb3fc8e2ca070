#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "data/sources.h"

namespace llmops::data {

// Receives the documents of a source one after the other, each in one or more pieces of whole
// characters of valid UTF-8. A row, line or file without text is not a document. Lines and
// paragraphs end with a line feed, however they end in the file; a whole file stays as it is.
class DocumentSink {
 public:
  virtual ~DocumentSink() = default;
  virtual void text(std::string_view piece) = 0;
  virtual void end_document() = 0;
};

// Is called with the bytes read so far.
using ByteProgress = std::function<void(std::int64_t)>;

// Reads all documents, in order. Throws Error(kUsage) with file and line for what cannot be used,
// Error(kFailed) when a file is no longer the one that was found, and an Error on a stop request.
void read_documents(const ResolvedSource& source, DocumentSink& sink,
                    const ByteProgress& progress = {});

// Each reads one file of its format, from the first block to the last: text_file.cpp,
// json_lines.cpp, json_array.cpp and csv.cpp.
class InputFile;
void read_text(InputFile& file, const std::string& path, std::string_view document_kind,
               DocumentSink& sink);
void read_json_lines(InputFile& file, const std::string& path, const std::string& field,
                     DocumentSink& sink);
void read_json_array(InputFile& file, const std::string& path, const std::string& field,
                     DocumentSink& sink);
void read_csv(InputFile& file, const std::string& path, char separator, const std::string& field,
              DocumentSink& sink);

}  // namespace llmops::data
