#include "command/train_resume.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "config/identity.h"
#include "config/settings.h"
#include "record/run_recorder.h"

namespace llmops::command {

namespace {

constexpr int kWaitForEndingMs = 5000;  // of a process that was killed and still frees its memory

// What differs in identity between a run and the one that saved a checkpoint.
struct Changes {
  std::vector<config::Change> allowed;  // by --allow-change
  std::vector<config::Change> refused;
};

// Throws for a key that no change can have: a typing error would silently allow nothing.
void check_allowed_keys(const TrainOptions& options, const TrainSetup& setup,
                        const std::vector<config::Change>& changes) {
  std::vector<std::string> known;
  for (const auto& change : changes) known.push_back(change.key);
  const Json identity = setup.identity.to_json();
  for (const auto& [key, value] : identity.as_object()) known.push_back(key);
  for (const auto& setting : config::settings(config::fields_of(setup.recipe()))) {
    if (setting.role == config::Role::kIdentity) known.push_back(setting.key);
  }
  for (const std::string& key : options.allow_change) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto near = nearest(key, known);
    throw usage_error("--allow-change {}: no key whose change is refused", key)
        .hint(near ? fmt::format("did you mean {}?", *near)
                   : "see the roles in docs/recipe-keys.md");
  }
}

std::string shown(const Json& value) {
  constexpr std::size_t kMost = 60;
  if (value.is_null()) return "(default)";
  const std::string text = printable(value.is_string() ? value.as_string() : value.dump());
  if (text.size() <= kMost) return text;
  std::size_t end = kMost - 3;
  while (end > 0 && (text[end] & '\xc0') == '\x80') --end;  // not within a code point
  return text.substr(0, end) + "...";
}

// Compares a run with a checkpoint. Throws Error(kUsage) for an --allow-change of a key that no run
// is known by, Error(kDamaged) for a checkpoint of an earlier version.
Changes changes_since(const checkpoint::Checkpoint& saved, const TrainOptions& options,
                      const TrainSetup& setup) {
  const recipe::Identity& before = saved.manifest.run.identity;
  if (before.inputs.contains("code")) {
    throw damaged("the checkpoint was written by an earlier version of llmops")
        .at(saved.path)
        .hint("resume it with that version, or start a new run");
  }
  const auto all = recipe::identity_changes(before, setup.identity);
  check_allowed_keys(options, setup, all);
  Changes changes;
  for (const config::Change& change : all) {
    const bool is_allowed =
        std::ranges::find(options.allow_change, change.key) != options.allow_change.end();
    if (is_allowed && change.key == "train.freeze") {
      throw usage_error("train.freeze: the optimizer knows only what has trained so far")
          .hint("start a new run with model.path=" + saved.path);
    }
    (is_allowed ? changes.allowed : changes.refused).push_back(change);
  }
  return changes;
}

// "key: old -> new"
std::string text_of(const config::Change& change) {
  return fmt::format("{}: {} -> {}", change.key, shown(change.before), shown(change.after));
}

// Whether the run of the checkpoint has done all that the recipe asks. A run that stopped early has
// finished before its last step, and continues when it is asked for more steps.
bool is_finished(const checkpoint::Manifest& saved, const std::optional<record::KnownRun>& run,
                 const plan::Plan& plan) {
  const bool at_end = saved.step >= plan.total_steps;
  if (!run) return at_end;
  return run->finished && (at_end || saved.run.total_steps() == plan.total_steps);
}

Error refused(const std::vector<config::Change>& changes, const std::string& folder) {
  std::vector<std::string> lines;
  for (const config::Change& change : changes) lines.push_back(text_of(change));
  const bool batch = std::ranges::any_of(changes, [](const config::Change& change) {
    return change.key == "train.global_batch_size";
  });
  return Error(ExitCode::kUsage, "this is not the run that was saved: " + join(lines, "; "))
      .at(folder)
      .hint(batch ? "keep the product of micro_batch_size and gradient_accumulation_steps, or "
                    "start a new run, or pass --allow-change KEY for each"
                  : "start a new run, or pass --allow-change KEY for each");
}

// Returns where the run continues from a checkpoint that is verified.
ResumePoint point_at(const checkpoint::Checkpoint& saved, const TrainOptions& options,
                     const std::string& store, const TrainSetup& setup) {
  const checkpoint::Manifest& manifest = saved.manifest;
  const plan::Plan& plan = setup.planned.plan;
  ResumePoint point;
  point.checkpoint = absolute_path(saved.path);
  point.step = manifest.step;
  const Changes changes = changes_since(saved, options, setup);
  if (!changes.refused.empty()) throw refused(changes.refused, saved.path);
  if (manifest.step > plan.total_steps) {
    throw usage_error("the checkpoint is at step {}, beyond the {} steps of the recipe",
                      manifest.step, plan.total_steps)
        .at(saved.path)
        .hint("raise train.max_steps, or resume from an earlier checkpoint");
  }
  for (const config::Change& change : changes.allowed) {
    point.changes.push_back("changed since the checkpoint: " + text_of(change));
  }
  if (manifest.run.threads() != plan.threads) {
    point.changes.push_back(
        fmt::format("{} threads instead of {}: results may differ in their last bits", plan.threads,
                    manifest.run.threads()));
  }

  const std::string& id = manifest.run.id;
  auto run = options.no_record ? std::nullopt : record::find_known(store, id);
  // Another model from here on, in another folder, leaves the record of the first as it is.
  const bool is_fork = run && !changes.allowed.empty() &&
                       !is_same_file(parent_path(point.checkpoint.value()),
                                     absolute_path(setup.recipe().output_dir));
  if (is_fork) {
    point.origin = fmt::format("continues from {} of run {}", base_name(saved.path), run->name);
    return point;
  }
  point.finished =
      options.resume == "auto" && changes.allowed.empty() && is_finished(manifest, run, plan);
  if (run || point.finished) {
    point.run_id = id;
  } else if (!options.no_record) {
    point.origin = fmt::format("continues from {} of run {}, which is not in this store",
                               base_name(saved.path), id.empty() ? "an unknown run" : id);
  }
  return point;
}

// The newest checkpoint in the folder that is whole; those that are not are reported.
std::optional<checkpoint::Checkpoint> newest_checkpoint(const std::string& folder,
                                                        Progress& progress) {
  checkpoint::remove_leftovers(folder);
  std::vector<std::string> warnings;
  auto found = checkpoint::newest_valid(folder, warnings);
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
  if (const auto latest = checkpoint::latest_checkpoint(folder)) folder = *latest;
  if (!is_directory(folder)) {
    throw Error(ExitCode::kNotFound, "no such checkpoint folder").at(folder);
  }
  if (!path_exists(join_path(folder, checkpoint::kManifestFile))) {
    throw Error(ExitCode::kNotFound, "holds no checkpoint").at(folder);
  }
  const std::string output_dir = absolute_path(setup.recipe().output_dir);
  auto hold = hold_existing(output_dir, store);
  const checkpoint::Checkpoint saved = checkpoint::open_checkpoint(folder);
  if (!is_same_file(parent_path(absolute_path(folder)), output_dir) &&
      checkpoint::holds_checkpoints(output_dir)) {
    throw usage_error("output_dir holds checkpoints of another run")
        .at(output_dir)
        .hint("choose another output_dir, or resume from a checkpoint in it");
  }
  ResumePoint point = point_at(saved, options, store, setup);
  point.hold = std::move(hold);
  return point;
}

// Finds what --resume auto continues. The output folder decides before the store: a store may be
// new, or know the run in another state than the files are in.
ResumePoint find_automatically(const TrainOptions& options, const std::string& store,
                               TrainSetup& setup, Progress& progress) {
  const std::string output_dir = absolute_path(setup.recipe().output_dir);
  auto hold = hold_existing(output_dir, store);
  auto found = newest_checkpoint(output_dir, progress);
  const bool is_own = found && changes_since(*found, options, setup).refused.empty();

  std::optional<record::KnownRun> unfinished;
  if (!options.no_record) {
    // A folder that was asked for by name is not exchanged for that of another run.
    const auto given = setup.loaded.origins.find("output_dir");
    const bool named = given != setup.loaded.origins.end() &&
                       given->second.location.source->name == config::kCommandLine;
    unfinished =
        record::find_unfinished(store, setup.identity.digest(), output_dir, named || is_own);
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
  if (found) point = point_at(*found, options, store, setup);
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
                : "use --resume auto to continue it, or choose another output_dir");
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
