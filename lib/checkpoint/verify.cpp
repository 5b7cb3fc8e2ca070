#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"

namespace llmops::checkpoint {

std::optional<std::string> verify(const Checkpoint& checkpoint) {
  const std::string name = base_name(checkpoint.path);
  const Manifest& manifest = checkpoint.manifest;
  if (name.starts_with("checkpoint-") && name != checkpoint_name(manifest.step)) {
    return fmt::format("the manifest is that of step {}", manifest.step);
  }
  try {
    std::vector<std::string> problems = compare_files(checkpoint.path, manifest);
    if (problems.empty()) {
      for (const auto& [file, entry] : manifest.files) {
        if (sha256_file(join_path(checkpoint.path, file)) != entry.sha256) {
          problems.push_back(file + " does not match its digest");
        }
      }
    }
    if (problems.empty()) return std::nullopt;
    return join(problems, "; ");
  } catch (const Error& error) {
    return error.what();
  }
}

std::optional<std::string> verify(const std::string& folder) {
  try {
    return verify(Checkpoint{folder, read_manifest(folder)});
  } catch (const Error& error) {
    return error.what();
  }
}

Checkpoint open_checkpoint(const std::string& folder) {
  try {
    Checkpoint checkpoint{folder, read_manifest(folder)};
    if (const auto problem = verify(checkpoint)) throw damaged("{}", *problem).at(folder);
    return checkpoint;
  } catch (Error& error) {
    throw error.hint("resume from an earlier checkpoint");
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

std::optional<Checkpoint> newest_valid(const std::string& output_dir,
                                       std::vector<std::string>& warnings) {
  std::vector<ListedCheckpoint> listed = list_checkpoints(output_dir);
  const auto skip = [&warnings](const std::string& path, const std::string& problem) {
    warnings.push_back(fmt::format("{} is skipped: {}", path, problem));
  };
  // Those whose manifest cannot be read are first in the list, and would go unmentioned.
  for (const ListedCheckpoint& found : listed) {
    if (!found.manifest) skip(found.path, verify(found.path).value_or(""));
  }
  for (auto found = listed.rbegin(); found != listed.rend() && found->manifest; ++found) {
    Checkpoint checkpoint{found->path, std::move(*found->manifest)};
    const auto problem = verify(checkpoint);
    if (!problem) return checkpoint;
    skip(checkpoint.path, *problem);
  }
  if (listed.empty()) return std::nullopt;
  throw damaged("none of the {} checkpoints is valid: {}", listed.size(), warnings.back())
      .at(output_dir)
      .hint("restore one of them, or start a new run in another output_dir");
}

}  // namespace llmops::checkpoint
