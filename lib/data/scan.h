#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data/documents.h"
#include "data/tokenize.h"

namespace llmops::data {

// What a source holds, independent of file names and compression.
struct Scan {
  std::string digest;  // of the documents' text
  std::int64_t documents = 0, characters = 0, bytes = 0;
};

// Remembered in cache_dir by the stamps of the files, so that unchanged files are not read again. A
// file that was written a moment ago is read when its stamp is final, a few milliseconds later.
std::optional<Scan> find_scan(const Corpus& corpus, const std::string& cache_dir);
Scan scan(const Corpus& corpus, const std::string& cache_dir, const ByteProgress& progress);

}  // namespace llmops::data
