#include "store/locate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "store/store.h"

namespace llmops::store {

namespace {

constexpr const char* kFolder = ".llmops";

// Whether the folder has a store file, or something in its place that is an error when it is
// opened. A folder without one is not a store: the token cache creates a folder of the same name.
bool has_store(const std::string& folder) {
  struct stat status {};
  const std::string path = join_path(folder, kDatabaseName);
  return ::lstat(path.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

bool is_own_folder(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  return status.st_uid == ::geteuid() || ::geteuid() == 0;
}

std::optional<std::string> named_store(const std::string& option) {
  if (!option.empty()) return absolute_path(option);
  const char* variable = std::getenv("LLMOPS_STORE");
  if (variable != nullptr && *variable != '\0') return absolute_path(variable);
  return std::nullopt;
}

}  // namespace

std::string store_to_write(const std::string& option) {
  if (const auto named = named_store(option)) return *named;
  const std::string here = absolute_path(".");
  for (std::string folder = here;; folder = parent_path(folder)) {
    const std::string candidate = join_path(folder, kFolder);
    if (is_own_folder(candidate) && has_store(candidate)) return candidate;
    if (folder == "/") return join_path(here, kFolder);
  }
}

std::optional<std::string> find_store(const std::string& option) {
  const std::string folder = store_to_write(option);
  if (!has_store(folder)) return std::nullopt;
  return folder;
}

std::string get_store(const std::string& option) {
  if (const auto folder = find_store(option)) return *folder;
  throw Error(ExitCode::kNotFound, fmt::format("no store in {}", store_to_write(option)))
      .hint("the first `llmops train` makes one; --store or LLMOPS_STORE names another");
}

}  // namespace llmops::store
