#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/source_files.h"
#include "recipe/sections.h"

namespace llmops::data {

// Receives the documents of a source one after the other, each in one or more pieces of whole
// characters of valid UTF-8. A row, line or file without text is no document. Lines and paragraphs
// end with a line feed, however they end in the file; a whole file is passed on as it is.
class DocumentSink {
 public:
  virtual ~DocumentSink() = default;
  virtual void text(std::string_view piece) = 0;
  virtual void end_document() = 0;
};

// A source of a recipe and what stands behind it now.
struct Corpus {
  recipe::Source source;
  std::string key;                // "data.train.0"
  std::string name;               // its path, or "synth:stories"
  std::vector<SourceFile> files;  // none for generated text
  std::int64_t bytes = 0;         // on disk; estimated for generated text
};

// `key` names the source in errors; empty: the options of a command, whose path may be "-" for the
// standard input.
Corpus find_corpus(const recipe::Source& source, std::string key);

// Reads all documents, in order. Throws Error(kUsage) with file and line for what cannot be used
// and Error(kFailed) when a file is no longer the one that was found. `progress` is told the bytes
// read so far; stop requests end it with an Error.
void read_documents(const Corpus& corpus, DocumentSink& sink,
                    const std::function<void(std::int64_t)>& progress = {});

// One file of each format, from its first block to the last.
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
