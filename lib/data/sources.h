#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/sections.h"

namespace llmops::data {

enum class Format { kText, kJsonLines, kCsv, kTsv, kJson };

inline constexpr std::string_view kStandardInput = "-";  // as a path

// Returns a path as messages show it: "standard input" for "-".
std::string display_path(const std::string& path);

struct SourceFile {
  std::string path;
  Format format = Format::kText;
  std::int64_t bytes = 0;  // on disk
  std::string stamp;       // what file_stamp() returned when the file was found
};

// A source of a recipe with the files that it has now.
struct ResolvedSource {
  recipe::Source settings;
  std::string key;     // "data.train.0"
  bool trains = true;  // false: an eval source
  std::string name;    // its path, or "synth:stories"
  // A file itself; of a folder all files with a known ending, recursively; of a glob (*, ?, [...])
  // those that match. Sorted by bytes, without hidden ones. None for generated text.
  std::vector<SourceFile> files;
  std::int64_t bytes = 0;  // on disk; estimated for generated text
};

// Finds the files of one source. Throws Error(kUsage) naming `key` when there are none, when the
// format of one is unknown, or for a setting that applies to none of them. An empty key stands for
// the options of a command, whose path may be "-" for the standard input.
ResolvedSource resolve_source(const recipe::Source& source, std::string key);

// Finds all sources of a recipe: those to train on, then those for evaluation.
std::vector<ResolvedSource> resolve_sources(const recipe::Data& data);

}  // namespace llmops::data
