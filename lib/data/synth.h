#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents.h"
#include "recipe/sections.h"

namespace llmops::data {

// Text from a seeded generator: document i is a function of (kind, seed, i). Kinds:
//   stories     short stories from a small grammar, for a first language model
//   arithmetic  "17+58=75"
//   copy        "copy: qwzk = qwzk"
//   recall      "b=7 k=2 x=9; k=2"
// Each document ends with a line feed. The texts do not change between versions of the program
// without kSynthVersion changing.
inline constexpr int kSynthVersion = 1;

std::vector<std::string_view> synth_kinds();
std::string synth_document(const recipe::Synth& synth, std::int64_t index);
void synthesize(const recipe::Synth& synth, DocumentSink& sink);
std::int64_t synth_bytes_estimate(const recipe::Synth& synth);

// Whether a sentence is one that the grammar of `stories` makes.
bool stories_parse(std::string_view sentence);
// The sentences of a text, each with its full stop; what follows the last full stop is left out.
std::vector<std::string> split_sentences(std::string_view text);

}  // namespace llmops::data
