#pragma once

#include <string>

#include "config/node.h"
#include "config/problems.h"

namespace llmops::config {

// A settings file with what it extends laid under it; `extends: FILE` is relative to the file that
// says so.
struct LoadedFile {
  std::string text;  // of the file itself, as given
  Node root;         // a map
};

// Throws Error(kUsage) when `path` cannot be read or is no regular file of at most 1 MiB; all other
// trouble, that of extended files included, goes to `problems`.
LoadedFile load_file(const std::string& path, Problems& problems);

// The same for a text that stands in no file, such as a recipe that the program carries.
LoadedFile load_text(std::string text, const Source& source, Problems& problems);

}  // namespace llmops::config
