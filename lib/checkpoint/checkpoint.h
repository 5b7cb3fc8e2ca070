#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace llmops::checkpoint {

// A checkpoint is a folder OUTPUT/checkpoint-STEP that is also a Hugging Face model folder, plus
// state/ and manifest.json with the sha256 and size of every file. It is complete exactly when its
// final name exists; OUTPUT/latest (a text file with the folder's name) points to the newest. One
// process at a time writes into an output folder. Folders on their way in or out have names of
// their own (.checkpoint-STEP.*), so a kill at any point leaves only whole checkpoints.
struct FileEntry {
  std::uint64_t bytes = 0;
  std::string sha256;
};
struct Manifest {
  std::int64_t step = 0;
  // Counts what was published into the output folder: after going back to an earlier step the new
  // checkpoint-600 is newer than the abandoned checkpoint-900.
  std::int64_t sequence = 0;
  std::map<std::string, FileEntry> files;  // by path within the folder
  Json info;                               // run id, identity fields and digests, plan
};

// Writes one checkpoint: files are created under path() (a temporary folder beside the final one),
// announced with add(), and made visible together by publish().
class CheckpointWriter {
 public:
  // Removes leftovers of earlier, interrupted writes. Throws Error(kStorage) when the disk lacks
  // `expected_bytes`, before anything is written. path() and path()/state exist afterwards.
  CheckpointWriter(std::string output_dir, std::int64_t step, std::uint64_t expected_bytes);
  ~CheckpointWriter();  // removes the temporary folder unless published
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;
  const std::string& path() const { return temporary_; }
  // The file at path()/name is complete and durable; sha256 may be given when it is known.
  void add(const std::string& name, const std::string& sha256 = {});
  void write(const std::string& name, std::string_view content);  // small files
  // Manifest, fsync of the folders, rename, fsync of OUTPUT, then `latest` the same way. A
  // checkpoint of the same step is replaced at once. Returns the final folder.
  std::string publish(Json info);

 private:
  std::string output_dir_, temporary_, final_;
  Manifest manifest_;
  bool published_ = false;
};

std::string checkpoint_name(std::int64_t step);  // "checkpoint-500"

struct Found {
  std::string path;
  std::int64_t step = 0;
  std::int64_t sequence = 0;  // 0: the manifest cannot be read
};
// Complete checkpoints of an output folder, oldest first by publication.
std::vector<Found> list_checkpoints(const std::string& output_dir);
// True when the folder holds checkpoints, damaged ones included: a new run must not write there.
bool holds_checkpoints(const std::string& output_dir);
// Finishes what an interrupted save or prune began. The writer's constructor calls it; a run that
// resumes calls it before newest_valid().
void remove_leftovers(const std::string& output_dir);

Manifest read_manifest(const std::string& folder);  // Error(kDamaged)
// Sizes and digests of every file against the manifest; missing, extra, shortened or changed files
// are named. Nothing when all is well.
std::optional<std::string> verify(const std::string& folder);
// The manifest of a model folder, as a check of the files that a command reads there. A folder
// without one, as other tools write it, is taken as it is.
class ManifestCheck {
 public:
  explicit ManifestCheck(std::string folder);  // Error(kDamaged) for a manifest that is damaged
  bool has_manifest() const { return manifest_.has_value(); }
  // Throws Error(kDamaged) naming the file unless it is the one that was saved.
  void require(const std::string& name) const;
  void require(const std::string& name, const std::string& sha256) const;  // of what was read

 private:
  std::string folder_;
  std::optional<Manifest> manifest_;
};
// The newest checkpoint that verifies; each one that does not is reported in `warnings`. Nothing
// when there is no checkpoint; Error(kDamaged) when there are some and none is valid.
std::optional<Found> newest_valid(const std::string& output_dir,
                                  std::vector<std::string>& warnings);

// Removes the oldest checkpoints beyond keep_last, never those in `keep` and never the newest; and
// nothing at all when the newest lacks a file or has one of another size.
void prune(const std::string& output_dir, std::int64_t keep_last,
           const std::vector<std::int64_t>& keep);

}  // namespace llmops::checkpoint
