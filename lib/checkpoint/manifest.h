#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace llmops::checkpoint {

// The manifest ends with its own digest, so that a flipped bit in it is found too.
std::string manifest_text(const Manifest& manifest);

// A relative path of plain parts: no "..", no empty part, no control bytes.
bool is_file_name(std::string_view name);

// Regular files below the folder by relative path, sorted, the manifest left out. Throws
// Error(kDamaged) for a symlink or anything else that is neither file nor folder.
std::vector<std::string> list_files(const std::string& folder);

// What is missing, extra or of another size; nothing when all is well. Reads no content.
std::vector<std::string> compare_files(const std::string& folder, const Manifest& manifest);

}  // namespace llmops::checkpoint
