#include "checkpoint/file_names.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace llmops::checkpoint {

namespace {

struct StagingSuffix {
  Staging staging;
  std::string_view suffix;
};
constexpr StagingSuffix kSuffixes[] = {{Staging::kWriting, ".tmp"},
                                       {Staging::kRemoving, ".removed"},
                                       {Staging::kReplaced, ".replaced"}};

constexpr std::string_view kPrefix = "checkpoint-";

}  // namespace

std::string checkpoint_name(std::int64_t step) {
  return std::string(kPrefix) + std::to_string(step);
}

std::optional<std::int64_t> step_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const auto step = parse_int(name.substr(kPrefix.size()));
  if (!step || *step < 0 || checkpoint_name(*step) != name) return std::nullopt;
  return step;
}

std::string staging_name(std::int64_t step, Staging staging) {
  std::string name = "." + checkpoint_name(step);
  for (const StagingSuffix& known : kSuffixes) {
    if (known.staging == staging) name += known.suffix;
  }
  return name;
}

std::optional<StagedFolder> staged_folder(std::string_view name) {
  if (!name.starts_with('.')) return std::nullopt;
  for (const StagingSuffix& known : kSuffixes) {
    if (!name.ends_with(known.suffix)) continue;
    const auto step = step_of(name.substr(1, name.size() - 1 - known.suffix.size()));
    if (step) return StagedFolder{*step, known.staging};
  }
  return std::nullopt;
}

std::optional<std::string> latest_checkpoint(const std::string& output_dir) {
  constexpr std::size_t kMostBytes = 4096;
  const std::string latest = join_path(output_dir, kLatestFile);
  if (!path_exists(latest)) return std::nullopt;
  const std::string name(trim(read_file(latest, kMostBytes, ExitCode::kDamaged)));
  if (name.empty() || name.find('/') != std::string::npos) {
    throw damaged("does not name a checkpoint of its folder").at(latest);
  }
  std::string folder = join_path(output_dir, name);
  if (path_exists(join_path(folder, kConfigFile))) return folder;
  throw damaged("names {}, which is not a checkpoint of its folder", printable(name)).at(latest);
}

}  // namespace llmops::checkpoint
