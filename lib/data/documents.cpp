#include "data/documents.h"

#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/signal.h"
#include "data/input_file.h"
#include "data/synth.h"

namespace llmops::data {

namespace {

// Passes documents on and, after each megabyte, checks for a stop request and calls `look` with the
// bytes of text passed on.
class Watcher : public DocumentSink {
 public:
  Watcher(DocumentSink& sink, ByteProgress look) : sink_(sink), look_(std::move(look)) {}

  void text(std::string_view piece) override {
    sink_.text(piece);
    bytes_ += static_cast<std::int64_t>(piece.size());
    if ((since_ += piece.size()) < kLookEvery) return;
    since_ = 0;
    throw_if_stop_requested("reading the data");
    look_(bytes_);
  }
  void end_document() override {
    sink_.end_document();
    ++documents_;
  }
  std::int64_t documents() const { return documents_; }

 private:
  static constexpr std::size_t kLookEvery = std::size_t{1} << 20;
  DocumentSink& sink_;
  ByteProgress look_;
  std::size_t since_ = 0;
  std::int64_t documents_ = 0, bytes_ = 0;
};

// Throws Error(kFailed) unless the file is still the one that was found.
void require_unchanged(const SourceFile& file) {
  if (file.path == kStandardInput) return;
  if (path_exists(file.path) && file_stamp(file.path) == file.stamp) return;
  throw failed("the file changed while it was read").at(file.path).hint("run the command again");
}

// Returns the number of documents in the file. `consumed` gets the bytes of the file read so far.
std::int64_t read_source_file(const SourceFile& file, const recipe::Source& settings,
                              DocumentSink& sink, const ByteProgress& consumed) {
  InputFile input(file.path);
  const std::string name = display_path(file.path);
  Watcher watcher(sink, [&](std::int64_t) { consumed(input.consumed()); });
  switch (file.format) {
    case Format::kText:
      read_text(input, name, settings.document, watcher);
      break;
    case Format::kJsonLines:
      read_json_lines(input, name, settings.field, watcher);
      break;
    case Format::kCsv:
      read_csv(input, name, ',', settings.field, watcher);
      break;
    case Format::kTsv:
      read_csv(input, name, '\t', settings.field, watcher);
      break;
    case Format::kJson:
      read_json_array(input, name, settings.field, watcher);
      break;
  }
  return watcher.documents();
}

}  // namespace

void read_documents(const ResolvedSource& source, DocumentSink& sink,
                    const ByteProgress& progress) {
  if (source.settings.synth) {
    Watcher watcher(sink, [&](std::int64_t bytes) {
      if (progress) progress(bytes);
    });
    synthesize(*source.settings.synth, watcher);
    return;
  }
  std::int64_t before = 0, documents = 0;
  for (const SourceFile& file : source.files) {
    try {
      documents += read_source_file(file, source.settings, sink, [&](std::int64_t consumed) {
        if (progress) progress(before + consumed);
      });
    } catch (const Error& error) {
      // An error in a file that changed meanwhile is reported as the change.
      if (error.code() == ExitCode::kUsage) require_unchanged(file);
      throw;
    }
    require_unchanged(file);
    before += file.bytes;
    if (progress) progress(before);
  }
  if (documents == 0) throw usage_error("no text").at(source.name).hint("every file is empty");
}

}  // namespace llmops::data
