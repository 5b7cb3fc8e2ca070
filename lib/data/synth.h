#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents.h"
#include "recipe/sections.h"

namespace llmops::data {

// Text of a seeded generator. Document i is a function of (kind, seed, i). Kinds:
//   stories     short stories from a small grammar, for a first language model
//   arithmetic  "17+58=75"
//   copy        "copy: qwzk = qwzk"
//   recall      "b=7 k=2 x=9; k=2"
// Each document ends with a line feed. When a version of the program changes the texts, it changes
// kSynthVersion.
inline constexpr int kSynthVersion = 1;

std::vector<std::string_view> synth_kinds();
// Throws Error(kUsage) for an unknown kind.
std::string synth_document(const recipe::Synth& synth, std::int64_t index);
void synthesize(const recipe::Synth& synth, DocumentSink& sink);
std::int64_t synth_bytes_estimate(const recipe::Synth& synth);

}  // namespace llmops::data
