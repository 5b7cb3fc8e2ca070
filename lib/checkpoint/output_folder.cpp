#include "checkpoint/output_folder.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"

namespace llmops::checkpoint {
namespace {

bool is_real_directory(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(std::filesystem::symlink_status(path, error));
}

std::optional<Manifest> manifest_in(const std::string& folder) {
  try {
    return read_manifest(folder);
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool has_all_files(const ListedCheckpoint& checkpoint) {
  try {
    return checkpoint.manifest && compare_files(checkpoint.path, *checkpoint.manifest).empty();
  } catch (const Error&) {
    return false;
  }
}

// Out of sight first, then away: a kill in between leaves a leftover, not half a checkpoint.
void remove_checkpoint(const std::string& output_dir, const ListedCheckpoint& checkpoint) {
  const std::string out = join_path(output_dir, staging_name(checkpoint.step, Staging::kRemoving));
  pass("checkpoint.prune", "cannot remove", checkpoint.path);
  rename_durably(checkpoint.path, out);
  pass("checkpoint.remove", "cannot remove", out);
  remove_all(out);
}

// Mends `latest` after a kill between the publication of a checkpoint and the move of the pointer.
void point_to_newest(const std::string& output_dir) {
  const std::vector<ListedCheckpoint> found = list_checkpoints(output_dir);
  if (found.empty() || found.back().sequence() == 0) return;
  const std::string latest = join_path(output_dir, kLatestFile);
  const std::string wanted = base_name(found.back().path) + "\n";
  try {
    if (read_file(latest, wanted.size()) == wanted) return;
  } catch (const Error&) {
    // Missing, too long or not a file: written again.
  }
  write_file_durably(latest, wanted);
}

}  // namespace

void sync_folders(const std::string& folder) {
  for (const std::string& name : list_directory(folder, ExitCode::kStorage)) {
    const std::string path = join_path(folder, name);
    if (is_real_directory(path)) sync_folders(path);
  }
  sync_directory(folder);
}

std::vector<ListedCheckpoint> list_checkpoints(const std::string& output_dir) {
  std::vector<ListedCheckpoint> found;
  if (!is_directory(output_dir)) return found;
  for (const std::string& name : list_directory(output_dir, ExitCode::kStorage)) {
    const auto step = step_of(name);
    const std::string path = join_path(output_dir, name);
    if (step && is_real_directory(path)) found.push_back({path, *step, manifest_in(path)});
  }
  std::ranges::sort(found, {}, [](const ListedCheckpoint& checkpoint) {
    return std::pair(checkpoint.sequence(), checkpoint.step);
  });
  return found;
}

bool holds_checkpoints(const std::string& output_dir) {
  if (!is_directory(output_dir)) return false;
  const auto names = list_directory(output_dir, ExitCode::kStorage);
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    const auto leftover = staged_folder(name);
    return name == kLatestFile || step_of(name) ||
           (leftover && leftover->staging == Staging::kReplaced);
  });
}

void remove_leftovers(const std::string& output_dir) {
  if (!is_directory(output_dir)) return;
  for (const std::string& name : list_directory(output_dir, ExitCode::kStorage)) {
    const std::string path = join_path(output_dir, name);
    if (const auto leftover = staged_folder(name)) {
      const std::string home = join_path(output_dir, checkpoint_name(leftover->step));
      if (leftover->staging == Staging::kReplaced && !path_exists(home)) {
        rename_durably(path, home);
      } else {
        remove_all(path);
      }
    } else if (name.starts_with(std::string(kLatestFile) + ".tmp.")) {
      remove_all(path);
    }
  }
  point_to_newest(output_dir);
}

void prune(const std::string& output_dir, std::int64_t keep_last,
           const std::vector<std::int64_t>& keep) {
  std::vector<ListedCheckpoint> found = list_checkpoints(output_dir);
  if (found.empty()) return;
  // Of later steps: left when the run went back, perhaps as they are damaged. They are replaced.
  std::erase_if(
      found, [newest = found.back().step](const ListedCheckpoint& f) { return f.step > newest; });
  const auto kept = static_cast<std::size_t>(std::max<std::int64_t>(keep_last, 1));
  if (found.size() <= kept) return;
  if (!has_all_files(found.back())) return;
  for (std::size_t i = 0; i + kept < found.size(); ++i) {
    const bool wanted = std::find(keep.begin(), keep.end(), found[i].step) != keep.end();
    // A folder without a manifest is of another tool.
    if (wanted || !path_exists(join_path(found[i].path, kManifestFile))) continue;
    remove_checkpoint(output_dir, found[i]);
  }
}

}  // namespace llmops::checkpoint
