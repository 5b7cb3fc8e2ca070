#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/documents.h"
#include "data/scan.h"
#include "data/tokenize.h"
#include "recipe/sections.h"

namespace llmops::data {

// What prepare() and estimate() must agree on: the sources of a recipe and the names under which
// their tokenizer and tokens lie in data.cache_dir.

// The training sources, then the eval sources. Throws Error(kUsage) for a source that is not there.
std::vector<Corpus> find_corpora(const recipe::Data& data);

// Where data.eval_split cuts a training source. Throws Error(kUsage) when a part would be empty.
SplitPoint split_point(const recipe::Data& data, const Corpus& corpus, const Scan& scan);

// The tokenizer that needs no text, or nullptr for one that is learned.
std::unique_ptr<text::Tokenizer> fixed_tokenizer(const recipe::Tokenizer& settings);

std::string learned_tokenizer_name(const recipe::Tokenizer& tokenizer, const recipe::Data& data,
                                   const std::vector<Scan>& scans,
                                   const std::vector<SplitPoint>& splits);
std::string token_cache_name(const Scan& scan, const std::string& tokenizer_digest, bool append_eos,
                             const SplitPoint& split);
// Whether a name in the cache folder is that of a file which was still being written.
bool is_unfinished(std::string_view name);

}  // namespace llmops::data
