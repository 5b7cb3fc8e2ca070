#pragma once

#include <optional>
#include <string>

#include "base/json.h"

namespace llmops::record {

// The repository around the working directory; empty without one, or without git.
struct GitState {
  std::string commit, branch;
  std::optional<bool> dirty;  // files under version control differ from the commit
  std::string diff;           // against the commit; the first 4 MiB
};
// Runs git without hooks, pagers, locks, external diffs and file system monitors: recording must
// not change the repository. A clean filter that its configuration names does run: without it git
// cannot tell whether a file differs.
GitState capture_git(const std::string& folder);

// host, cpu, cores, memory_bytes, os, kernel. Never environment variables: they hold secrets.
Json capture_hardware();

std::string user_name();

}  // namespace llmops::record
