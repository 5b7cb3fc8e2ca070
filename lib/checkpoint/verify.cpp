#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"

namespace llmops::checkpoint {

std::optional<std::string> verify(const std::string& folder) {
  try {
    const Manifest manifest = read_manifest(folder);
    if (base_name(folder).starts_with("checkpoint-") &&
        base_name(folder) != checkpoint_name(manifest.step)) {
      return fmt::format("the manifest is that of step {}", manifest.step);
    }
    std::vector<std::string> problems = compare_files(folder, manifest);
    if (problems.empty()) {
      for (const auto& [name, entry] : manifest.files) {
        if (sha256_file(join_path(folder, name)) != entry.sha256) {
          problems.push_back(name + " does not match its digest");
        }
      }
    }
    if (problems.empty()) return std::nullopt;
    return join(problems, "; ");
  } catch (const Error& error) {
    return error.what();
  }
}

ManifestCheck::ManifestCheck(std::string folder) : folder_(std::move(folder)) {
  if (!path_exists(join_path(folder_, kManifestFile))) return;
  try {
    manifest_ = read_manifest(folder_);
  } catch (Error& error) {
    throw error.hint("restore it, or remove manifest.json to use the model unchecked");
  }
}

void ManifestCheck::require(const std::string& name) const {
  if (manifest_) require(name, sha256_file(join_path(folder_, name)));
}

void ManifestCheck::require(const std::string& name, const std::string& sha256) const {
  if (!manifest_) return;
  const auto entry = manifest_->files.find(name);
  if (entry != manifest_->files.end() && entry->second.sha256 == sha256) return;
  throw damaged("{}", entry == manifest_->files.end()
                          ? "is not listed in manifest.json"
                          : "does not match its digest in manifest.json")
      .at(join_path(folder_, name))
      .hint(
          "restore the checkpoint, or remove manifest.json if another tool saved the model again");
}

std::optional<Found> newest_valid(const std::string& output_dir,
                                  std::vector<std::string>& warnings) {
  const std::vector<Found> found = list_checkpoints(output_dir);
  const auto skipped = [&warnings](const Found& checkpoint, const std::string& problem) {
    warnings.push_back(fmt::format("{} is skipped: {}", checkpoint.path, problem));
  };
  // Those whose place in the order is unknown sort first, and would go unmentioned.
  for (const Found& checkpoint : found) {
    if (checkpoint.sequence == 0) skipped(checkpoint, verify(checkpoint.path).value_or(""));
  }
  for (auto it = found.rbegin(); it != found.rend() && it->sequence > 0; ++it) {
    const auto problem = verify(it->path);
    if (!problem) return *it;
    skipped(*it, *problem);
  }
  if (found.empty()) return std::nullopt;
  throw damaged("none of the {} checkpoints is valid: {}", found.size(), warnings.back())
      .at(output_dir)
      .hint("restore one of them, or begin anew in another output_dir");
}

}  // namespace llmops::checkpoint
