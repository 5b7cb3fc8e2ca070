#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/file.h"

// Names and moves within an output folder, shared by writer and pruning.
namespace llmops::checkpoint {

inline constexpr const char* kLatestFile = "latest";

// A checkpoint's folder while it is not one: being written, being removed, or standing aside while
// another takes its name.
enum class OnItsWay { kIn, kOut, kAside };
std::string folder_on_its_way(std::int64_t step, OnItsWay way);  // ".checkpoint-500.tmp"

// Syncs the folder and all folders below it.
void sync_folders(const std::string& folder);

// Throws the error that the named fault point injects.
inline void pass(const char* point, std::string_view doing, const std::string& path) {
  if (const int error = fault_point(point)) throw system_error(doing, path, error);
}

}  // namespace llmops::checkpoint
