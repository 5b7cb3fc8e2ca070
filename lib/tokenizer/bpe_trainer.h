#pragma once

#include <cstdint>
#include <memory>

#include "tokenizer/tokenizer.h"
#include "tokenizer/word_counts.h"

namespace llmops::tokenizer {

inline constexpr std::int64_t kMinBpeVocab = 257;  // the end token and every byte

// Trains a byte-pair encoding on counted words (Sennrich et al., "Neural Machine Translation of
// Rare Words with Subword Units", 2016). Ids: the end token, the bytes in the order of their
// spelling, then one per merge. The most frequent pair is merged first; of equally frequent ones
// the pair with the smaller ids. The merges are those of BpeTrainer in `tokenizers` (min_frequency
// 0, the whole byte alphabet). Fewer than vocab_size when no pair is left. Polls for stop requests.
std::unique_ptr<Tokenizer> train_bpe(const WordCounts& words, std::int64_t vocab_size);

}  // namespace llmops::tokenizer
