#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/batch.h"
#include "recipe/recipe.h"
#include "text/tokenizer.h"

namespace llmops::data {

// How far prepare() has come with a recipe's data.
struct PrepareProgress {
  std::string what;            // "reading", "training tokenizer", "tokenizing"
  double done = 0, total = 0;  // bytes
};

struct SourceCount {
  std::string name;  // path or "synth:stories"
  std::int64_t documents = 0, bytes = 0, tokens = 0;
  std::int64_t dropped = 0, truncated = 0;
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual const text::Tokenizer& tokenizer() const = 0;
  virtual const std::vector<SourceCount>& train_counts() const = 0;
  virtual const std::vector<SourceCount>& eval_counts() const = 0;
  virtual std::string digest() const = 0;  // of the token streams of all splits
  virtual bool has_eval() const = 0;
  // Rows of the training split, in an order that is a function of (seed, epoch).
  virtual std::unique_ptr<BatchSource> train_batches() const = 0;
  // Non-overlapping windows of max_seq_length, the tail scored, every token once; in file order.
  virtual std::unique_ptr<BatchSource> eval_batches() const = 0;
  // For standard errors: the document of each scored row's tokens is found by these bounds, in
  // tokens of the eval stream.
  virtual const std::vector<std::int64_t>& eval_document_starts() const = 0;
  // The eval-stream position of the first target of row r of the eval split.
  virtual std::int64_t eval_row_start(std::int64_t row) const = 0;
};

// Reads a recipe's data: sources, tokenizer (learned if there is none), token cache, batches. All
// cores tokenize what is not cached. Polls for stop requests. Throws Error(kUsage) with file:line
// for text that it cannot use.
std::unique_ptr<Dataset> prepare(const recipe::Recipe& recipe,
                                 const std::function<void(const PrepareProgress&)>& progress = {});

// Returns a warning when a bpe tokenizer is smaller than tokenizer.vocab_size because its training
// text has no more pairs to merge; else nothing.
std::optional<std::string> small_vocabulary(const recipe::Tokenizer& settings,
                                            std::int64_t vocab_size);

// The size of a recipe's data: exact when all of it is in the cache, else estimated from the first
// 4 MiB of text of each source. Writes nothing.
struct DataEstimate {
  bool exact = false;
  std::int64_t train_tokens = 0, eval_tokens = 0, vocab_size = 0;
  std::int64_t train_windows = 0;                    // rows of max_seq_length per epoch
  std::shared_ptr<const text::Tokenizer> tokenizer;  // nullptr when it is still to be learned
};
DataEstimate estimate(const recipe::Recipe& recipe);

// Text files as an eval set for an existing tokenizer (`eval --data FILE`), laid out as the model
// saw its own: data.packing and data.append_eos of its recipe.
struct EvalLayout {
  std::int64_t max_seq_length = 0;
  recipe::Packing packing = recipe::Packing::kStream;
  bool append_eos = true;
};
std::unique_ptr<Dataset> open_eval_file(const recipe::Source& source,
                                        const text::Tokenizer& tokenizer, const EvalLayout& layout);

}  // namespace llmops::data
