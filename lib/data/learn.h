#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/documents.h"
#include "data/tokenize.h"
#include "text/tokenizer.h"

namespace llmops::data {

// A source to learn a tokenizer from, and how much of it: its training part.
struct LearnFrom {
  const Corpus* corpus = nullptr;
  SplitPoint split;
  ByteProgress progress;
};
// The alphabet of their training parts as a tokenizer.
std::unique_ptr<text::Tokenizer> learn_char(const std::vector<LearnFrom>& sources);
// Byte-level BPE trained on the same text; words are counted with all cores.
std::unique_ptr<text::Tokenizer> learn_bpe(const std::vector<LearnFrom>& sources,
                                           std::int64_t vocab_size);

// A learned tokenizer in the cache folder; nullptr when it is not there or damaged.
std::unique_ptr<text::Tokenizer> find_learned(const std::string& path);
void save_learned(const std::string& path, const text::Tokenizer& tokenizer);

}  // namespace llmops::data
