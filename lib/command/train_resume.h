#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "command/progress.h"
#include "command/train_setup.h"

namespace llmops::command {

// Where a run starts: fresh, or from a checkpoint of an earlier run that it continues.
struct ResumePoint {
  std::optional<std::string> checkpoint;  // folder
  std::int64_t step = 0;
  std::optional<std::string> run_id;  // of the run in the store that continues
  std::string origin;  // a sentence for its events when the store does not know the earlier run
  std::vector<std::string> changes;  // since the checkpoint, as sentences for the run's events
  // Nothing is left to do. run_id is then that of the checkpoint, whether the store knows it or
  // not.
  bool finished = false;
  std::optional<FileLock> hold;  // of the output folder where it exists
};

// Throws Error(kUsage) when the folder holds checkpoints; `resume` is --resume, for the hint.
void require_fresh(const std::string& output_dir, const std::string& resume);

// Keeps other processes from writing checkpoints into the folder, whatever store they use, while
// the result lives; nothing where folders cannot be locked. Waits some seconds for a process that
// is ending. Throws Error(kBusy), with the run that holds the folder when this store knows it.
std::optional<FileLock> hold_folder(const std::string& folder, const std::string& store);

// Decides by --resume:
//   never  a fresh run; an output folder that holds checkpoints is refused (exit 2)
//   auto   the newest whole checkpoint in the output folder, else the newest unfinished run of the
//          same identity in this store, else a fresh run
//   PATH   that checkpoint folder; as a run of its own where the store does not know the run, and
//          where it continues in another folder with changes that were allowed
// Changes of identity are refused with the list of what changed, unless each is in allow_change.
// Damaged checkpoints are passed over with a note; with none left, Error(kDamaged).
ResumePoint find_resume_point(const TrainOptions& options, const std::string& store,
                              TrainSetup& setup, Progress& progress);

}  // namespace llmops::command
