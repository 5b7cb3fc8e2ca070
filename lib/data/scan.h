#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data/documents.h"
#include "data/text_counts.h"

namespace llmops::data {

// Where the eval part of a training source begins.
struct SplitPoint {
  std::optional<std::int64_t> characters;  // of a single document: it is cut there
  std::int64_t documents = -1;             // number that train; -1: all
};

// A source whose text was read once. The digest and the counts do not depend on file names and
// compression.
struct ScannedSource {
  ResolvedSource source;
  std::string digest;  // of the documents' text
  TextCounts counts;
  std::int64_t characters = 0;
  SplitPoint split;  // by data.eval_split
};

// Reads a source. The result is remembered in data.cache_dir by the stamps of the files, so that
// unchanged files are not read again. A file that was written a moment ago is read once its stamp
// is final, a few milliseconds later. Throws Error(kUsage) when a part of the split would be empty.
ScannedSource scan(const ResolvedSource& source, const recipe::Data& data,
                   const ByteProgress& progress);

// Returns what scan() remembered. Reads no text.
std::optional<ScannedSource> find_scan(const ResolvedSource& source, const recipe::Data& data);

}  // namespace llmops::data
