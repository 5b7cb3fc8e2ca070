#pragma once

#include <optional>
#include <string>

#include "base/json.h"

namespace llmops::record {

// The repository around the working directory; empty without one, or without git.
struct GitState {
  std::string commit, branch;
  std::optional<bool> dirty;  // files under version control differ from the commit
  std::string diff;           // against the commit; where it is cut, at 4 MiB, its end says so
};
// Runs git without anything that the configuration of the repository names (filters, hooks, pagers,
// external diffs, monitors, fetches) and without locks: recording must not change the repository,
// and not run what came with it.
GitState capture_git(const std::string& folder);

// host, cpu, cores, memory_bytes, os, kernel. Never environment variables: they hold secrets.
Json capture_hardware();

std::string user_name();

}  // namespace llmops::record
