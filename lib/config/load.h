#pragma once

#include <string>

#include "config/node.h"
#include "config/problems.h"

namespace llmops::config {

// A settings file, merged over the files that it extends. The FILE of `extends: FILE` is relative
// to the file that contains it.
struct LoadedFile {
  std::string text;  // of the file itself, as given
  Node root;         // a map
};

// Throws Error(kUsage) when `path` is unreadable, larger than 1 MiB or not a regular file. Every
// other error, including those of extended files, goes to `problems`.
LoadedFile load_file(const std::string& path, Problems& problems);

// Does the same for a text that is not in a file, such as a built-in recipe.
LoadedFile load_text(std::string text, const Source& source, Problems& problems);

}  // namespace llmops::config
