#include "data/documents.h"

#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/signal.h"
#include "base/text.h"
#include "data/input_file.h"
#include "data/line_reader.h"
#include "data/synth.h"

namespace llmops::data {

namespace {

// Passes documents on and, now and then, looks for stop requests and tells the progress.
class Watcher : public DocumentSink {
 public:
  // look(bytes): of text passed on.
  Watcher(DocumentSink& sink, std::function<void(std::int64_t)> look)
      : sink_(sink), look_(std::move(look)) {}

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
  std::function<void(std::int64_t)> look_;
  std::size_t since_ = 0;
  std::int64_t documents_ = 0, bytes_ = 0;
};

// As messages name it.
std::string shown(const std::string& path) {
  return path == kStandardInput ? "standard input" : path;
}

// Throws Error(kFailed) unless the file is still the one that was found.
void require_unchanged(const SourceFile& file) {
  if (file.path == kStandardInput) return;
  if (path_exists(file.path) && file_stamp(file.path) == file.stamp) return;
  throw failed("the file changed while it was read").at(file.path).hint("run the command again");
}

void read_whole(InputFile& file, const std::string& path, DocumentSink& sink) {
  std::string block, pending;  // pending: bytes of a character that the block cuts
  TextPlace place;
  bool first = true, any = false;
  while (file.read(block)) {
    pending += block;
    if (std::exchange(first, false) && pending.starts_with("\xEF\xBB\xBF")) pending.erase(0, 3);
    std::size_t end = pending.size();
    while (end > 0 && pending.size() - end < 3 && (pending[end - 1] & 0xC0) == 0x80) --end;
    // A lead byte at the end waits for its continuation; an ASCII byte does not.
    if (end > 0 && (pending[end - 1] & 0x80) != 0) {
      --end;
      if (decode_utf8(pending, end).value != kInvalidCodePoint) end = pending.size();
    } else {
      end = pending.size();
    }
    const std::string_view whole = std::string_view(pending).substr(0, end);
    check_utf8(whole, path, place);
    place.pass(whole);
    any = any || !whole.empty();
    sink.text(whole);
    pending.erase(0, end);
  }
  check_utf8(pending, path, place);
  if (any) sink.end_document();
}

bool is_blank(std::string_view line) {
  return trim(line).empty();
}

void read_text_lines(InputFile& file, const std::string& path, DocumentSink& sink) {
  LineReader lines(file, path);
  for (std::string_view line; lines.next(line);) {
    if (is_blank(line)) continue;
    sink.text(line);
    sink.text("\n");
    sink.end_document();
  }
}

void read_paragraphs(InputFile& file, const std::string& path, DocumentSink& sink) {
  LineReader lines(file, path);
  bool open = false;
  for (std::string_view line; lines.next(line);) {
    if (!is_blank(line)) {
      sink.text(line);
      sink.text("\n");
      open = true;
    } else if (std::exchange(open, false)) {
      sink.end_document();
    }
  }
  if (open) sink.end_document();
}

// The number of its documents.
std::int64_t read_source_file(const SourceFile& file, const recipe::Source& source,
                              DocumentSink& sink,
                              const std::function<void(std::int64_t)>& consumed) {
  InputFile input(file.path);
  const std::string name = shown(file.path);
  Watcher watcher(sink, [&](std::int64_t) { consumed(input.consumed()); });
  switch (file.format) {
    case Format::kText:
      read_text(input, name, source.document, watcher);
      break;
    case Format::kJsonLines:
      read_json_lines(input, name, source.field, watcher);
      break;
    case Format::kCsv:
      read_csv(input, name, ',', source.field, watcher);
      break;
    case Format::kTsv:
      read_csv(input, name, '\t', source.field, watcher);
      break;
    case Format::kJson:
      read_json_array(input, name, source.field, watcher);
      break;
  }
  return watcher.documents();
}

}  // namespace

void read_text(InputFile& file, const std::string& path, std::string_view document_kind,
               DocumentSink& sink) {
  if (document_kind == "line") {
    read_text_lines(file, path, sink);
  } else if (document_kind == "paragraph") {
    read_paragraphs(file, path, sink);
  } else {
    read_whole(file, path, sink);
  }
}

namespace {

// Throws Error(kUsage) for a setting that no file of the source has a use for.
void require_meaning(const Corpus& corpus) {
  const recipe::Source& source = corpus.source;
  const std::string prefix = corpus.key.empty() ? "--" : corpus.key + ".";
  bool text = false, fields = false;
  for (const SourceFile& file : corpus.files) {
    (file.format == Format::kText ? text : fields) = true;
  }
  if (source.document != "auto" && !text) {
    throw usage_error("{}document has a meaning for txt only, and {} has fields", prefix,
                      corpus.name);
  }
  if (source.field != recipe::Source{}.field && !fields) {
    throw usage_error("{}field has a meaning for json, jsonl, csv and tsv only, and {} is txt",
                      prefix, corpus.name);
  }
}

}  // namespace

Corpus find_corpus(const recipe::Source& source, std::string key) {
  Corpus corpus;
  corpus.source = source;
  corpus.key = std::move(key);
  if (source.synth) {
    corpus.name = "synth:" + source.synth->kind;
    corpus.bytes = synth_bytes_estimate(*source.synth);
    return corpus;
  }
  if (source.path.empty()) throw usage_error("{}: needs a path or a synth section", corpus.key);
  corpus.name = shown(source.path);
  corpus.files = find_files(source, corpus.key);
  require_meaning(corpus);
  for (const SourceFile& file : corpus.files) corpus.bytes += file.bytes;
  return corpus;
}

void read_documents(const Corpus& corpus, DocumentSink& sink,
                    const std::function<void(std::int64_t)>& progress) {
  if (corpus.source.synth) {
    Watcher watcher(sink, [&](std::int64_t bytes) {
      if (progress) progress(bytes);
    });
    synthesize(*corpus.source.synth, watcher);
    return;
  }
  std::int64_t before = 0, documents = 0;
  for (const SourceFile& file : corpus.files) {
    try {
      documents += read_source_file(file, corpus.source, sink, [&](std::int64_t consumed) {
        if (progress) progress(before + consumed);
      });
    } catch (const Error& error) {
      // What is wrong with a file that was changed meanwhile is that it was changed.
      if (error.code() == ExitCode::kUsage) require_unchanged(file);
      throw;
    }
    require_unchanged(file);
    before += file.bytes;
    if (progress) progress(before);
  }
  if (documents == 0) throw usage_error("no text").at(corpus.name).hint("every file is empty");
}

}  // namespace llmops::data
