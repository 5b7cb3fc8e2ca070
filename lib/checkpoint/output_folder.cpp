#include "checkpoint/output_folder.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <tuple>

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"

namespace llmops::checkpoint {
namespace {

struct WayName {
  OnItsWay way;
  std::string_view suffix;
};
constexpr std::array<WayName, 3> kWays{{
    {OnItsWay::kIn, ".tmp"},
    {OnItsWay::kOut, ".removed"},
    {OnItsWay::kAside, ".replaced"},
}};

// The step of "checkpoint-STEP", written as checkpoint_name() does.
std::optional<std::int64_t> step_of(std::string_view name) {
  constexpr std::string_view kPrefix = "checkpoint-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const auto step = parse_int(name.substr(kPrefix.size()));
  if (!step || *step < 0 || checkpoint_name(*step) != name) return std::nullopt;
  return step;
}

struct Leftover {
  std::int64_t step;
  OnItsWay way;
};
std::optional<Leftover> leftover_of(std::string_view name) {
  if (!name.starts_with('.')) return std::nullopt;
  for (const WayName& known : kWays) {
    if (!name.ends_with(known.suffix)) continue;
    const auto step = step_of(name.substr(1, name.size() - 1 - known.suffix.size()));
    if (step) return Leftover{*step, known.way};
  }
  return std::nullopt;
}

bool is_real_directory(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(std::filesystem::symlink_status(path, error));
}

std::int64_t sequence_of(const std::string& folder) {
  try {
    return read_manifest(folder).sequence;
  } catch (const Error&) {
    return 0;
  }
}

bool has_all_files(const Found& checkpoint) {
  try {
    return compare_files(checkpoint.path, read_manifest(checkpoint.path)).empty();
  } catch (const Error&) {
    return false;
  }
}

// Out of sight first, then away: a kill in between leaves a leftover, not half a checkpoint.
void remove_checkpoint(const std::string& output_dir, const Found& checkpoint) {
  const std::string out = join_path(output_dir, folder_on_its_way(checkpoint.step, OnItsWay::kOut));
  pass("checkpoint.prune", "cannot remove", checkpoint.path);
  rename_durably(checkpoint.path, out);
  pass("checkpoint.remove", "cannot remove", out);
  remove_all(out);
}

// A kill between the publication of a checkpoint and the move of the pointer leaves it behind.
void point_to_newest(const std::string& output_dir) {
  const std::vector<Found> found = list_checkpoints(output_dir);
  if (found.empty() || found.back().sequence == 0) return;
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

std::string folder_on_its_way(std::int64_t step, OnItsWay way) {
  std::string name = "." + checkpoint_name(step);
  for (const WayName& known : kWays) {
    if (known.way == way) name += known.suffix;
  }
  return name;
}

void sync_folders(const std::string& folder) {
  for (const std::string& name : list_directory(folder, ExitCode::kStorage)) {
    const std::string path = join_path(folder, name);
    if (is_real_directory(path)) sync_folders(path);
  }
  sync_directory(folder);
}

std::vector<Found> list_checkpoints(const std::string& output_dir) {
  std::vector<Found> found;
  if (!is_directory(output_dir)) return found;
  for (const std::string& name : list_directory(output_dir, ExitCode::kStorage)) {
    const auto step = step_of(name);
    const std::string path = join_path(output_dir, name);
    if (step && is_real_directory(path)) found.push_back({path, *step, sequence_of(path)});
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return std::tie(a.sequence, a.step) < std::tie(b.sequence, b.step);
  });
  return found;
}

bool holds_checkpoints(const std::string& output_dir) {
  if (!is_directory(output_dir)) return false;
  const auto names = list_directory(output_dir, ExitCode::kStorage);
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    const auto leftover = leftover_of(name);
    return name == kLatestFile || step_of(name) || (leftover && leftover->way == OnItsWay::kAside);
  });
}

void remove_leftovers(const std::string& output_dir) {
  if (!is_directory(output_dir)) return;
  for (const std::string& name : list_directory(output_dir, ExitCode::kStorage)) {
    const std::string path = join_path(output_dir, name);
    if (const auto leftover = leftover_of(name)) {
      const std::string home = join_path(output_dir, checkpoint_name(leftover->step));
      if (leftover->way == OnItsWay::kAside && !path_exists(home)) {
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
  std::vector<Found> found = list_checkpoints(output_dir);
  if (found.empty()) return;
  // Of later steps: left when the run went back, perhaps as they are damaged. They are replaced.
  std::erase_if(found, [newest = found.back().step](const Found& f) { return f.step > newest; });
  const auto kept = static_cast<std::size_t>(std::max<std::int64_t>(keep_last, 1));
  if (found.size() <= kept) return;
  if (!has_all_files(found.back())) return;
  for (std::size_t i = 0; i + kept < found.size(); ++i) {
    const bool wanted = std::find(keep.begin(), keep.end(), found[i].step) != keep.end();
    // A folder without manifest is not ours to remove.
    if (wanted || !path_exists(join_path(found[i].path, kManifestFile))) continue;
    remove_checkpoint(output_dir, found[i]);
  }
}

}  // namespace llmops::checkpoint
