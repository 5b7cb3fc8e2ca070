#include "command/train_resume.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "record/run_recorder.h"

namespace llmops::command {

namespace {

void check_identity(const TrainOptions& options, const std::string& folder, const TrainSetup& setup,
                    Progress& progress) {
  const checkpoint::Manifest manifest = checkpoint::read_manifest(folder);
  std::vector<std::string> refused;
  for (const std::string& change :
       checkpoint::identity_changes(manifest.info.at("identity"), setup.identity_json())) {
    const std::string key = change.substr(0, change.find(':'));
    const bool allowed = std::find(options.allow_change.begin(), options.allow_change.end(), key) !=
                         options.allow_change.end();
    if (allowed) {
      progress.note("changed since the checkpoint: " + change);
    } else {
      refused.push_back(change);
    }
  }
  if (refused.empty()) return;
  throw Error(ExitCode::kUsage, "this is not the run that was saved: " + join(refused, "; "))
      .at(folder)
      .hint("start a new run, or pass --allow-change KEY for each");
}

ResumePoint from_folder(const TrainOptions& options, const std::string& store, TrainSetup& setup,
                        Progress& progress) {
  std::string folder = options.resume;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  if (!is_directory(folder)) {
    throw Error(ExitCode::kNotFound, "no such checkpoint folder").at(folder);
  }
  if (const auto damage = checkpoint::verify(folder)) {
    throw damaged("{}", *damage).at(folder).hint("resume from an earlier checkpoint");
  }
  check_identity(options, folder, setup, progress);
  ResumePoint point;
  point.checkpoint = absolute_path(folder);
  const checkpoint::Manifest manifest = checkpoint::read_manifest(folder);
  point.step = manifest.step;
  const Json* run = manifest.info.find("run");
  if (options.no_record || !run || !run->is_string()) return point;
  if (record::has_run(store, run->as_string())) {
    point.run_id = run->as_string();
  } else {
    progress.note("the run of this checkpoint is not in the store; a new one goes on with it");
  }
  return point;
}

}  // namespace

std::optional<FileLock> hold_folder(const std::string& folder) {
  std::optional<FileLock> lock;
  try {
    lock = FileLock::acquire(folder);
  } catch (const Error&) {
    return std::nullopt;  // some network file systems cannot lock a folder
  }
  if (!lock) {
    throw Error(ExitCode::kBusy, "another process writes its checkpoints there")
        .at(folder)
        .hint("wait for it, stop it, or choose another output_dir");
  }
  return lock;
}

namespace {

ResumePoint from_store(const TrainOptions& options, const std::string& store, TrainSetup& setup,
                       Progress& progress) {
  const auto unfinished = record::find_unfinished(store, setup.identity);
  if (!unfinished) return {};
  if (unfinished->alive) {
    throw Error(ExitCode::kBusy,
                fmt::format("run {} ({}) is still running", unfinished->name, unfinished->run_id))
        .hint("stop it first, or start another run with another output_dir");
  }
  setup.loaded.recipe.output_dir = unfinished->output_dir;
  ResumePoint point;
  point.run_id = unfinished->run_id;
  if (is_directory(unfinished->output_dir)) {
    const auto hold = hold_folder(unfinished->output_dir);
    checkpoint::remove_leftovers(unfinished->output_dir);
  }
  std::vector<std::string> warnings;
  const auto found = checkpoint::newest_valid(unfinished->output_dir, warnings);
  for (const std::string& warning : warnings) progress.note("warning: " + warning);
  if (found) {
    check_identity(options, found->path, setup, progress);
    point.checkpoint = found->path;
    point.step = found->step;
  }
  return point;
}

}  // namespace

ResumePoint find_resume_point(const TrainOptions& options, const std::string& store,
                              TrainSetup& setup, Progress& progress) {
  ResumePoint point;
  if (options.resume == "auto") {
    point = from_store(options, store, setup, progress);
    if (point.run_id) return point;
  } else if (options.resume != "never") {
    return from_folder(options, store, setup, progress);
  }
  if (checkpoint::holds_checkpoints(setup.recipe().output_dir)) {
    throw usage_error("output_dir holds checkpoints of an earlier run")
        .at(setup.recipe().output_dir)
        .hint(options.resume == "auto"
                  ? "no unfinished run of this recipe is there to resume; choose another output_dir"
                  : "use --resume auto to go on with it, or choose another output_dir");
  }
  return point;
}

}  // namespace llmops::command
