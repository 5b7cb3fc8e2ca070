#pragma once

#include <cstdint>
#include <string>

namespace llmops::data {

// How much text there is. Tokens are 0 until the text is tokenized.
struct TextCounts {
  std::int64_t documents = 0, bytes = 0, tokens = 0;
};

// The part of one source in a dataset.
struct SourceCount : TextCounts {
  std::string name;                         // path or "synth:stories"
  std::int64_t dropped = 0, truncated = 0;  // documents, see data.overlength
};

}  // namespace llmops::data
