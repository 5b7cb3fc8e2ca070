#pragma once

// How a recipe's text becomes batches: the class of each stage and, after |, the function that
// makes the next one from it.
//
//   recipe::Source                        a path or a generator
//   | resolve_source   sources.h          finds the files
//   ResolvedSource
//   | scan             scan.h             reads the text: digest, counts, start of the eval part
//   ScannedSource
//   | train_tokenizer  train_tokenizer.h  reads it again, unless the recipe has a tokenizer
//   Tokenizer          tokenizer/
//   | tokenize         tokenize.h         reads it again: Chunker cuts it into megabytes, and
//   |                                     OrderedPool encodes these with all cores
//   TokenCache         token_cache.h      a file for each source
//   |
//   TokenizedSource    rows.h             its training or its eval part
//   | stream_rows, packed_rows            cut the stream, or pack documents, into rows
//   Rows
//   | train_batches    batches.h          mixes the rows of all sources, in an order per epoch
//   | eval_batches                        has the rows of all sources one after the other
//   BatchSource        batch.h
//
// Text is read by read_documents (documents.h): InputFile decompresses blocks, a reader for each
// format finds the documents, a DocumentSink receives them. Scans, trained tokenizers and tokens
// are kept in data.cache_dir (cache_folder.h), so that a second run reads no text at all.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/batch.h"
#include "data/text_counts.h"
#include "recipe/recipe.h"
#include "tokenizer/tokenizer.h"

namespace llmops::data {

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual const tokenizer::Tokenizer& tokenizer() const = 0;
  virtual const std::vector<SourceCount>& train_counts() const = 0;
  virtual const std::vector<SourceCount>& eval_counts() const = 0;
  virtual std::string digest() const = 0;  // of the token streams of all splits
  virtual bool has_eval() const = 0;
  // Rows of the training split, in an order that is a function of (seed, epoch).
  virtual std::unique_ptr<BatchSource> train_batches() const = 0;
  // Non-overlapping windows of max_seq_length, the tail scored, every token once; in file order.
  virtual std::unique_ptr<BatchSource> eval_batches() const = 0;
  // Start of each eval document, as an offset in the eval token stream. For standard errors.
  virtual const std::vector<std::int64_t>& eval_document_starts() const = 0;
  // Position of the first target of an eval row, in the eval token stream.
  virtual std::int64_t eval_row_start(std::int64_t row) const = 0;
};

struct PrepareProgress {
  std::string what;            // "reading", "training tokenizer", "tokenizing"
  double done = 0, total = 0;  // bytes
};

// Reads a recipe's data (prepare.cpp). All cores tokenize what is not in the cache. Throws
// Error(kUsage) with file:line for text that it cannot use, and an Error on a stop request.
std::unique_ptr<Dataset> prepare(const recipe::Recipe& recipe,
                                 const std::function<void(const PrepareProgress&)>& progress = {});

// As prepare(), but reads only the cache and writes nothing. Returns nullptr when something is
// missing or damaged.
std::unique_ptr<Dataset> prepare_cached(const recipe::Recipe& recipe);

// Returns a warning when a bpe tokenizer is smaller than tokenizer.vocab_size because its training
// text has no more pairs to merge; else nothing.
std::optional<std::string> small_vocabulary(const recipe::Tokenizer& settings,
                                            std::int64_t vocab_size);

struct DataEstimate {
  bool exact = false;
  std::int64_t train_tokens = 0, eval_tokens = 0, vocab_size = 0;
  std::int64_t train_windows = 0;                         // rows of max_seq_length per epoch
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer;  // nullptr when it is still to be trained
};

// Returns the size of a recipe's data (estimate.cpp): exact when all of it is in the cache, else
// estimated from the first 4 MiB of text of each source. Writes nothing.
DataEstimate estimate(const recipe::Recipe& recipe);

// How tokens become rows: the keys of the recipe's data section that decide it.
struct RowSettings {
  std::int64_t max_seq_length = 0;
  recipe::Packing packing = recipe::Packing::kStream;
  recipe::Overlength overlength = recipe::Overlength::kSplit;
  bool append_eos = true;
  std::uint64_t seed = 0;
};

// Opens text files as an eval set for a tokenizer that must outlive it (`eval --data FILE`,
// eval_file.cpp), with rows as the model saw them in training.
std::unique_ptr<Dataset> open_eval_file(const recipe::Source& source,
                                        const tokenizer::Tokenizer& tokenizer,
                                        const RowSettings& settings);

}  // namespace llmops::data
