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

// A typing error would otherwise allow nothing, in silence.
void check_allowed_keys(const TrainOptions& options, const TrainSetup& setup,
                        const std::vector<config::Change>& changes) {
  std::vector<std::string> known;
  for (const auto& change : changes) known.push_back(change.key);
  const Json identity = setup.identity_json();
  for (const auto& [key, value] : identity.as_object()) known.push_back(key);
  for (const auto& setting : config::settings(config::fields_of(setup.recipe()))) {
    if (setting.role == config::Role::kIdentity) known.push_back(setting.key);
  }
  for (const std::string& key : options.allow_change) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto near = nearest(key, known);
    throw usage_error("--allow-change {}: no key whose change is refused", key)
        .hint(near ? fmt::format("did you mean {}?", *near) : "see the roles in docs/recipe.md");
  }
}

// What differs between the run and the one that saved the checkpoint at `folder`.
std::vector<config::Change> changes_since(const std::string& folder,
                                          const checkpoint::Manifest& manifest,
                                          const TrainSetup& setup) {
  const Json& saved = manifest.info.at("identity");
  if (saved.find("digest.code") != nullptr) {
    throw damaged("the checkpoint was written by an earlier version of llmops")
        .at(folder)
        .hint("resume it with that version, or start a new run");
  }
  return config::identity_changes(saved, setup.identity_json(), recipe::recipe_keys());
}

std::string shown(const Json& value) {
  constexpr std::size_t kMost = 60;
  if (value.is_null()) return "(none)";
  const std::string text = printable(value.is_string() ? value.as_string() : value.dump());
  if (text.size() <= kMost) return text;
  std::size_t end = kMost - 3;
  while (end > 0 && (text[end] & '\xc0') == '\x80') --end;  // not within a code point
  return text.substr(0, end) + "...";
}

// The checkpoint at `folder` as a point to go on from.
ResumePoint point_at(const TrainOptions& options, const std::string& folder,
                     const TrainSetup& setup) {
  const checkpoint::Manifest manifest = checkpoint::read_manifest(folder);
  ResumePoint point;
  point.checkpoint = absolute_path(folder);
  point.step = manifest.step;
  const auto changes = changes_since(folder, manifest, setup);
  check_allowed_keys(options, setup, changes);
  std::vector<std::string> refused;
  for (const config::Change& change : changes) {
    const std::string text =
        fmt::format("{}: {} -> {}", change.key, shown(change.before), shown(change.after));
    const bool allowed = std::find(options.allow_change.begin(), options.allow_change.end(),
                                   change.key) != options.allow_change.end();
    if (allowed) {
      point.changes.push_back("changed since the checkpoint: " + text);
    } else {
      refused.push_back(text);
    }
  }
  if (!refused.empty()) {
    throw Error(ExitCode::kUsage, "this is not the run that was saved: " + join(refused, "; "))
        .at(folder)
        .hint("start a new run, or pass --allow-change KEY for each");
  }
  if (manifest.step > setup.plan.total_steps) {
    throw usage_error("the checkpoint is at step {}, beyond the {} steps of the recipe",
                      manifest.step, setup.plan.total_steps)
        .at(folder)
        .hint("raise train.max_steps, or resume from an earlier checkpoint");
  }
  const std::int64_t threads = manifest.info.at("plan").at("threads").as_int();
  if (threads != setup.plan.threads) {
    point.changes.push_back(
        fmt::format("{} threads instead of {}: results may differ in their last bits",
                    setup.plan.threads, threads));
  }
  return point;
}

// The newest checkpoint in the folder that is whole; those that are not are told of.
std::optional<checkpoint::Found> newest_checkpoint(const std::string& folder, Progress& progress) {
  if (!is_directory(folder)) return std::nullopt;
  const auto hold = hold_folder(folder);
  checkpoint::remove_leftovers(folder);
  std::vector<std::string> warnings;
  const auto found = checkpoint::newest_valid(folder, warnings);
  for (const std::string& warning : warnings) progress.note("warning: " + warning);
  return found;
}

// With the run that the checkpoint at `folder`, which is whole, belongs to.
ResumePoint with_its_run(const TrainOptions& options, const std::string& folder,
                         const std::string& store, const TrainSetup& setup, Progress& progress) {
  ResumePoint point = point_at(options, folder, setup);
  const checkpoint::Manifest manifest = checkpoint::read_manifest(folder);
  const Json* run = manifest.info.find("run");
  if (options.no_record || !run || !run->is_string()) return point;
  if (record::has_run(store, run->as_string())) {
    point.run_id = run->as_string();
  } else {
    progress.note("the run of this checkpoint is not in the store; a new one goes on with it");
  }
  return point;
}

ResumePoint from_folder(const TrainOptions& options, const std::string& store,
                        const TrainSetup& setup, Progress& progress) {
  std::string folder = options.resume;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  // An output folder stands for its newest checkpoint.
  if (const std::string latest = join_path(folder, "latest"); path_exists(latest)) {
    folder = join_path(folder, base_name(std::string(trim(read_file(latest, 4096)))));
  }
  if (!is_directory(folder)) {
    throw Error(ExitCode::kNotFound, "no such checkpoint folder").at(folder);
  }
  if (const auto damage = checkpoint::verify(folder)) {
    throw damaged("{}", *damage).at(folder).hint("resume from an earlier checkpoint");
  }
  const std::string output_dir = absolute_path(setup.recipe().output_dir);
  if (parent_path(absolute_path(folder)) != output_dir &&
      checkpoint::holds_checkpoints(output_dir)) {
    throw usage_error("output_dir holds checkpoints of another run")
        .at(output_dir)
        .hint("choose another output_dir, or resume from a checkpoint that lies there");
  }
  return with_its_run(options, folder, store, setup, progress);
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
  // A folder that was asked for by name is not exchanged for that of another run.
  const bool named = std::ranges::any_of(options.recipe.overrides, [](const std::string& override) {
    return override.starts_with("output_dir=");
  });
  const auto unfinished = record::find_unfinished(store, setup.identity,
                                                  absolute_path(setup.recipe().output_dir), named);
  if (!unfinished) return {};
  if (unfinished->alive) {
    throw Error(ExitCode::kBusy,
                fmt::format("run {} ({}) is still running", unfinished->name, unfinished->run_id))
        .hint("stop it first, or start another run with another output_dir");
  }
  setup.loaded.recipe.output_dir = unfinished->output_dir;
  const auto found = newest_checkpoint(unfinished->output_dir, progress);
  ResumePoint point;
  if (found) point = point_at(options, found->path, setup);
  point.run_id = unfinished->run_id;
  return point;
}

// The newest checkpoint in the output folder, when it is another run's by what was changed.
std::optional<std::string> newest_of_another(const TrainSetup& setup, Progress& progress) {
  const auto found = newest_checkpoint(setup.recipe().output_dir, progress);
  if (!found) return std::nullopt;
  const checkpoint::Manifest manifest = checkpoint::read_manifest(found->path);
  const auto changes = changes_since(found->path, manifest, setup);
  return changes.empty() ? std::nullopt : std::optional(found->path);
}

}  // namespace

ResumePoint find_resume_point(const TrainOptions& options, const std::string& store,
                              TrainSetup& setup, Progress& progress) {
  if (options.resume == "auto" && options.no_record) {
    if (const auto found = newest_checkpoint(setup.recipe().output_dir, progress)) {
      return point_at(options, found->path, setup);
    }
  } else if (options.resume == "auto") {
    ResumePoint point = from_store(options, store, setup, progress);
    if (point.run_id) return point;
    if (const auto other = newest_of_another(setup, progress)) {
      return with_its_run(options, *other, store, setup, progress);
    }
  } else if (options.resume != "never") {
    return from_folder(options, store, setup, progress);
  }
  require_fresh(setup.recipe().output_dir, options.resume);
  return {};
}

}  // namespace llmops::command
