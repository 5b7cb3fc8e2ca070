#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "tests/temporary_directory.h"

// What a target defines: reads bytes as the program would read them from a stranger. libFuzzer
// calls it under the preset fuzz, replay.cpp with the seeds in every other build.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace llmops::fuzz {

// Ends the process: libFuzzer keeps the input.
inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

// Whether the call returns; else it has thrown an Error that is no bug and is told in one line.
template <typename Call>
bool returns(const Call& call) {
  try {
    call();
    return true;
  } catch (const Error& error) {
    require(error.code() != ExitCode::kFailed, error.what());
    require(printable(error.what()) == error.what(), error.what());
    return false;
  }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A file of that name and content, in a folder that is the process's own; replaces the last one.
inline std::string file_of(const std::string& name, std::string_view content) {
  static const TemporaryDirectory directory;
  const std::string path = directory.file(name);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  require(file.good(), "the file is written");
  return path;
}

}  // namespace llmops::fuzz
