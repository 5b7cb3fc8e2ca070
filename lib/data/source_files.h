#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/sections.h"

namespace llmops::data {

enum class Format { kText, kJsonLines, kCsv, kTsv, kJson };

inline constexpr std::string_view kStandardInput = "-";  // as a path

struct SourceFile {
  std::string path;
  Format format = Format::kText;
  std::int64_t bytes = 0;  // on disk
  std::string stamp;       // as file_stamp() gave it when the file was found
};

// The files of a source: a file itself; of a folder all with a known ending, recursively; of a
// glob (*, ?, [...]) those that match. Sorted by bytes, hidden ones left out. Throws Error(kUsage)
// naming `key` when there are none, or when the format of one is unknown.
std::vector<SourceFile> find_files(const recipe::Source& source, std::string_view key);

}  // namespace llmops::data
