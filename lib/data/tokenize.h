#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "data/documents.h"
#include "data/token_cache.h"
#include "text/tokenizer.h"

namespace llmops::data {

using ByteProgress = std::function<void(std::int64_t)>;

// How a source is divided into a training and an eval part.
struct SplitPoint {
  std::optional<std::int64_t> characters;  // of a single document: it is cut there
  std::int64_t documents = -1;             // the first so many train; -1: all
};

// Tokenizes a source with all cores.
void tokenize(const Corpus& corpus, const text::Tokenizer& tokenizer, bool append_eos,
              const SplitPoint& split, TokenSink& sink, const ByteProgress& progress = {});

}  // namespace llmops::data
