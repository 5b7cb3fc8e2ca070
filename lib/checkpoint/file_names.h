#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Names of the files in an output folder and in a checkpoint.
namespace llmops::checkpoint {

inline constexpr const char* kLatestFile = "latest";  // in the output folder

// In a checkpoint. Those of its weights are in weights/shard_index.h.
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kConfigFile = "config.json";
inline constexpr const char* kTokenizerFile = "tokenizer.json";
inline constexpr const char* kTrainerFile = "state/trainer.json";

std::string checkpoint_name(std::int64_t step);  // "checkpoint-500"
// Returns the step of a name that checkpoint_name() gives.
std::optional<std::int64_t> step_of(std::string_view name);

// What a folder is that is not, or no longer, a checkpoint: one being written, one being removed,
// or one whose name another takes.
enum class Staging { kWriting, kRemoving, kReplaced };
struct StagedFolder {
  std::int64_t step = 0;
  Staging staging = Staging::kWriting;
};
std::string staging_name(std::int64_t step, Staging staging);  // ".checkpoint-500.tmp"
std::optional<StagedFolder> staged_folder(std::string_view name);

// Returns the folder that OUTPUT/latest names; nothing without that file. Throws Error(kDamaged)
// when it does not name a model folder in OUTPUT.
std::optional<std::string> latest_checkpoint(const std::string& output_dir);

}  // namespace llmops::checkpoint
