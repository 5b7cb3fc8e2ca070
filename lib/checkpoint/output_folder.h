#pragma once

#include <string>

#include "base/error.h"
#include "base/file.h"

// Moves within an output folder, shared by writer and pruning.
namespace llmops::checkpoint {

// Syncs the folder and all folders below it.
void sync_folders(const std::string& folder);

// Throws the error that the named fault point injects.
inline void pass(const char* point, std::string_view doing, const std::string& path) {
  if (const int error = fault_point(point)) throw system_error(doing, path, error);
}

}  // namespace llmops::checkpoint
