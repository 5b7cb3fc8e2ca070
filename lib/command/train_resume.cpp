#include "command/train_resume.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"
#include "command/train_changes.h"
#include "record/run_recorder.h"

namespace llmops::command {

namespace {

constexpr int kWaitForEndingMs = 5000;  // of a process that was killed and still frees its memory

// The run of the checkpoint as its manifest names it; empty when it names none.
std::string run_of(const checkpoint::Manifest& manifest) {
  const Json* run = manifest.info.find("run");
  return run && run->is_string() ? run->as_string() : "";
}

// Whether the run of the checkpoint has done all that the recipe asks. A run that stopped early has
// finished before its last step, and goes on when it is asked for more steps.
bool is_finished(const checkpoint::Manifest& manifest, const std::optional<record::KnownRun>& run,
                 const plan::Plan& plan) {
  const bool at_end = manifest.step >= plan.total_steps;
  if (!run) return at_end;
  const Json* planned = manifest.info.at("plan").find("total_steps");
  return run->finished && (at_end || (planned && *planned == Json(plan.total_steps)));
}

bool refuses_batch(const Changes& changes) {
  return std::ranges::any_of(changes.refused, [](const std::string& change) {
    return change.starts_with("train.global_batch_size:");
  });
}

// The whole checkpoint at `folder` as a point to go on from.
ResumePoint point_at(const std::string& folder, const TrainOptions& options,
                     const std::string& store, const TrainSetup& setup) {
  const checkpoint::Manifest manifest = checkpoint::read_manifest(folder);
  ResumePoint point;
  point.checkpoint = absolute_path(folder);
  point.step = manifest.step;
  const Changes changes = changes_since(folder, options, setup);
  if (!changes.refused.empty()) {
    throw Error(ExitCode::kUsage,
                "this is not the run that was saved: " + join(changes.refused, "; "))
        .at(folder)
        .hint(refuses_batch(changes)
                  ? "keep the product of micro_batch_size and gradient_accumulation_steps, or "
                    "start a new run, or pass --allow-change KEY for each"
                  : "start a new run, or pass --allow-change KEY for each");
  }
  if (manifest.step > setup.plan.total_steps) {
    throw usage_error("the checkpoint is at step {}, beyond the {} steps of the recipe",
                      manifest.step, setup.plan.total_steps)
        .at(folder)
        .hint("raise train.max_steps, or resume from an earlier checkpoint");
  }
  for (const std::string& change : changes.allowed) {
    point.changes.push_back("changed since the checkpoint: " + change);
  }
  const std::int64_t threads = manifest.info.at("plan").at("threads").as_int();
  if (threads != setup.plan.threads) {
    point.changes.push_back(
        fmt::format("{} threads instead of {}: results may differ in their last bits",
                    setup.plan.threads, threads));
  }

  const std::string id = run_of(manifest);
  auto run = options.no_record ? std::nullopt : record::find_known(store, id);
  // Another model from here on, in a folder of its own, leaves the record of the first as it is.
  const bool is_fork = run && !changes.allowed.empty() &&
                       !is_same_file(parent_path(point.checkpoint.value()),
                                     absolute_path(setup.recipe().output_dir));
  if (is_fork) {
    point.origin = fmt::format("goes on from {} of run {}", base_name(folder), run->name);
    return point;
  }
  point.finished =
      options.resume == "auto" && changes.allowed.empty() && is_finished(manifest, run, setup.plan);
  if (run || point.finished) {
    point.run_id = id;
  } else if (!options.no_record) {
    point.origin = fmt::format("goes on from {} of run {}, which is not in this store",
                               base_name(folder), id.empty() ? "an unknown run" : id);
  }
  return point;
}

// The newest checkpoint in the folder that is whole; those that are not are reported.
std::optional<checkpoint::Found> newest_checkpoint(const std::string& folder, Progress& progress) {
  checkpoint::remove_leftovers(folder);
  std::vector<std::string> warnings;
  const auto found = checkpoint::newest_valid(folder, warnings);
  for (const std::string& warning : warnings) progress.note("warning: " + warning);
  return found;
}

std::optional<FileLock> hold_existing(const std::string& folder, const std::string& store) {
  return is_directory(folder) ? hold_folder(folder, store) : std::nullopt;
}

ResumePoint from_folder(const TrainOptions& options, const std::string& store,
                        const TrainSetup& setup) {
  std::string folder = options.resume;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  // An output folder means its newest checkpoint.
  if (const std::string latest = join_path(folder, "latest"); path_exists(latest)) {
    folder = join_path(folder, base_name(std::string(trim(read_file(latest, 4096)))));
  }
  if (!is_directory(folder)) {
    throw Error(ExitCode::kNotFound, "no such checkpoint folder").at(folder);
  }
  if (!path_exists(join_path(folder, checkpoint::kManifestFile))) {
    throw Error(ExitCode::kNotFound, "holds no checkpoint").at(folder);
  }
  const std::string output_dir = absolute_path(setup.recipe().output_dir);
  auto hold = hold_existing(output_dir, store);
  if (const auto damage = checkpoint::verify(folder)) {
    throw damaged("{}", *damage).at(folder).hint("resume from an earlier checkpoint");
  }
  if (!is_same_file(parent_path(absolute_path(folder)), output_dir) &&
      checkpoint::holds_checkpoints(output_dir)) {
    throw usage_error("output_dir holds checkpoints of another run")
        .at(output_dir)
        .hint("choose another output_dir, or resume from a checkpoint that lies there");
  }
  ResumePoint point = point_at(folder, options, store, setup);
  point.hold = std::move(hold);
  return point;
}

// What --resume auto finds. The output folder decides before the store: a store may be new, or know
// the run by another state than the files are in.
ResumePoint find_automatically(const TrainOptions& options, const std::string& store,
                               TrainSetup& setup, Progress& progress) {
  const std::string output_dir = absolute_path(setup.recipe().output_dir);
  auto hold = hold_existing(output_dir, store);
  auto found = newest_checkpoint(output_dir, progress);
  const bool is_own = found && changes_since(found->path, options, setup).refused.empty();

  std::optional<record::KnownRun> unfinished;
  if (!options.no_record) {
    // A folder that was asked for by name is not exchanged for that of another run.
    const auto given = setup.loaded.origins.find("output_dir");
    const bool named = given != setup.loaded.origins.end() &&
                       given->second.location.source->name == config::kCommandLine;
    unfinished = record::find_unfinished(store, setup.identity, output_dir, named || is_own);
  }
  if (unfinished && !unfinished->folder) {
    progress.note(fmt::format(
        "run {} of this recipe has not finished; it is not resumed, as its folder {} depends on a "
        "variable that has another value now",
        unfinished->name, unfinished->output_dir));
    unfinished.reset();
  }
  const std::string place = unfinished ? *unfinished->folder : output_dir;
  if (place != output_dir && !is_same_file(place, output_dir)) {
    setup.output_dir = unfinished->output_dir;
    setup.loaded.recipe.output_dir = place;
    hold.reset();
    hold = hold_existing(place, store);
    found = newest_checkpoint(place, progress);
  }

  ResumePoint point;
  if (found) point = point_at(found->path, options, store, setup);
  // Without a checkpoint of its own yet: killed before the first, or begun from that of a run which
  // is not in this store.
  if (unfinished && !point.run_id) {
    point.run_id = unfinished->id;
    point.origin.clear();
  }
  point.hold = std::move(hold);
  return point;
}

}  // namespace

void require_fresh(const std::string& output_dir, const std::string& resume) {
  if (!checkpoint::holds_checkpoints(output_dir)) return;
  throw usage_error("output_dir holds checkpoints of an earlier run")
      .at(output_dir)
      .hint(resume == "auto"
                ? "no unfinished run of this recipe is there to resume; choose another output_dir"
                : "use --resume auto to go on with it, or choose another output_dir");
}

std::optional<FileLock> hold_folder(const std::string& folder, const std::string& store) {
  std::optional<FileLock> lock;
  try {
    lock = FileLock::acquire(folder);
    if (lock) return lock;
  } catch (const Error&) {
    return std::nullopt;  // some network file systems cannot lock a folder
  }
  try {
    record::require_free(store, absolute_path(folder));
  } catch (const Error& error) {
    if (error.code() == ExitCode::kBusy) throw;  // a store that cannot be read names nobody
  }
  lock = FileLock::acquire(folder, kWaitForEndingMs);
  if (!lock) {
    throw Error(ExitCode::kBusy, "another process writes its checkpoints there")
        .at(folder)
        .hint("wait for it, stop it, or choose another output_dir");
  }
  return lock;
}

ResumePoint find_resume_point(const TrainOptions& options, const std::string& store,
                              TrainSetup& setup, Progress& progress) {
  ResumePoint point;
  if (options.resume == "auto") {
    point = find_automatically(options, store, setup, progress);
  } else if (options.resume != "never") {
    point = from_folder(options, store, setup);
  }
  if (!point.checkpoint && !point.run_id) require_fresh(setup.recipe().output_dir, options.resume);
  return point;
}

}  // namespace llmops::command
