#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "data/scan.h"
#include "recipe/sections.h"
#include "tokenizer/tokenizer.h"

namespace llmops::data {

// The files in data.cache_dir: scans, trained tokenizers and token caches. A name holds a digest of
// everything that decides the content, so a file is never out of date, only missing or damaged.

std::string scan_name(const ResolvedSource& source);
// Of the tokenizer that is trained on the training parts of the sources.
std::string tokenizer_name(const recipe::Tokenizer& settings,
                           const std::vector<ScannedSource>& sources);
std::string token_cache_name(const ScannedSource& source, const std::string& tokenizer_digest,
                             bool append_eos);
// Whether a file in the folder was still being written.
bool is_unfinished(std::string_view name);

// Makes the folder and waits until no other process writes to it, so that of several processes that
// need the same data one prepares it. Removes what a killed process left unfinished. Throws on a
// stop request.
FileLock lock_cache_folder(const std::string& folder);

// Writes a small result with a digest of itself.
void write_cached_json(const std::string& path, const Json& value);
// Returns nothing when the file is missing or damaged: the caller makes the result again.
std::optional<Json> read_cached_json(const std::string& path);

// Returns nullptr when the file is missing or damaged.
std::unique_ptr<tokenizer::Tokenizer> find_tokenizer(const std::string& path);
void save_tokenizer(const std::string& path, const tokenizer::Tokenizer& tokenizer);

}  // namespace llmops::data
