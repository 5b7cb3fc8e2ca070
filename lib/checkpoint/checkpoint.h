#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/file_names.h"
#include "recipe/identity.h"

// The sources: manifest.cpp, writer.cpp, verify.cpp (one checkpoint), output_folder.cpp (all of a
// folder).
namespace llmops::checkpoint {

// A checkpoint is a folder OUTPUT/checkpoint-STEP that is also a Hugging Face model folder, plus
// state/ and manifest.json with the sha256 and size of every file. It is complete exactly when its
// final name exists; OUTPUT/latest (a text file with the folder's name) points to the newest. One
// process at a time writes into an output folder. Folders that are being written or removed have
// other names (.checkpoint-STEP.*), so a kill at any point leaves only whole checkpoints.
struct FileEntry {
  std::uint64_t bytes = 0;
  std::string sha256;
};
// What a checkpoint remembers of the run that saved it; empty where it was saved without.
struct SavedRun {
  std::string id;  // ULID
  recipe::Identity identity;
  Json plan;  // plan::Plan::to_json()

  // Throws Error(kDamaged) when the plan names no number of threads.
  std::int64_t threads() const;
  // Steps that were planned; nothing in checkpoints of earlier versions.
  std::optional<std::int64_t> total_steps() const;
};
struct Manifest {
  std::int64_t step = 0;
  // Counts what was published into the output folder: after going back to an earlier step the new
  // checkpoint-600 is newer than the abandoned checkpoint-900.
  std::int64_t sequence = 0;
  std::map<std::string, FileEntry> files;  // by path within the folder
  SavedRun run;
};
Manifest read_manifest(const std::string& folder);  // Error(kDamaged)

// Writes one checkpoint: files are created under path() (a temporary folder next to the final one),
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
  std::string publish(SavedRun run);

 private:
  std::string output_dir_, temporary_, final_;
  Manifest manifest_;
  bool published_ = false;
};

// A checkpoint folder and its manifest, which is read once.
struct Checkpoint {
  std::string path;
  Manifest manifest;
};
// Returns what is wrong with the files against the manifest: missing, extra, of another size or
// another digest. Nothing when all is well.
std::optional<std::string> verify(const Checkpoint& checkpoint);
// The same; a manifest that cannot be read is wrong, too.
std::optional<std::string> verify(const std::string& folder);
// Reads and verifies a checkpoint. Throws Error(kDamaged) with what is wrong.
Checkpoint open_checkpoint(const std::string& folder);
// Returns the newest checkpoint that verifies; each one that does not is reported in `warnings`.
// Nothing when there is no checkpoint; Error(kDamaged) when there are some and none is valid.
std::optional<Checkpoint> newest_valid(const std::string& output_dir,
                                       std::vector<std::string>& warnings);

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

struct ListedCheckpoint {
  std::string path;
  std::int64_t step = 0;             // by its name
  std::optional<Manifest> manifest;  // nothing when it cannot be read

  std::int64_t sequence() const { return manifest ? manifest->sequence : 0; }
};
// Returns the complete checkpoints of an output folder, oldest first by publication; those whose
// manifest cannot be read are first.
std::vector<ListedCheckpoint> list_checkpoints(const std::string& output_dir);
// True when the folder holds checkpoints, damaged ones included: a new run must not write there.
bool holds_checkpoints(const std::string& output_dir);
// Finishes what an interrupted save or prune began. The writer's constructor calls it; a run that
// resumes calls it before newest_valid().
void remove_leftovers(const std::string& output_dir);
// Removes the oldest checkpoints beyond keep_last, never those in `keep` and never the newest; and
// nothing at all when the newest lacks a file or has one of another size.
void prune(const std::string& output_dir, std::int64_t keep_last,
           const std::vector<std::int64_t>& keep);

}  // namespace llmops::checkpoint
