#pragma once

#include "data/scan.h"
#include "data/token_cache.h"
#include "tokenizer/tokenizer.h"

namespace llmops::data {

// Tokenizes a source with all cores. Throws Error(kUsage) with the place of a character that the
// tokenizer does not know.
void tokenize(const ResolvedSource& source, const tokenizer::Tokenizer& tokenizer, bool append_eos,
              const SplitPoint& split, TokenSink& sink, const ByteProgress& progress = {});

}  // namespace llmops::data
