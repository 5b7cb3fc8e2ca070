#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/documents.h"

namespace llmops::data {

// About a megabyte of text: documents and parts of documents, cut only where every tokenizer gives
// the same ids for the parts as for the whole (tokenizer::safe_cut).
struct Chunk {
  struct End {
    std::size_t offset = 0;  // in text
    bool complete = true;    // false: the rest of the document is in the eval part
  };
  std::string text;
  std::vector<End> ends;
  std::int64_t document = 1, line = 1;  // position of its first byte, for messages
};

// Collects documents into chunks and passes these to `take`. With `split_after`, the document that
// reaches that many characters is cut there: into the training and eval part of a single text.
class Chunker : public DocumentSink {
 public:
  explicit Chunker(std::function<void(Chunk)> take, std::optional<std::int64_t> split_after = {})
      : take_(std::move(take)), split_after_(split_after) {}

  void text(std::string_view piece) override;
  void end_document() override;
  void finish();  // after the last document

 private:
  void append(std::string_view piece);
  void append_slice(std::string_view piece);
  void flush(std::size_t bytes);

  std::function<void(Chunk)> take_;
  std::optional<std::int64_t> split_after_;  // characters still to come
  Chunk chunk_;
  std::size_t searched_ = 0;
};

}  // namespace llmops::data
