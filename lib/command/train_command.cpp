#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/signal.h"
#include "base/text.h"
#include "base/version.h"
#include "checkpoint/checkpoint.h"
#include "command/arguments.h"
#include "command/batch_export.h"
#include "command/build_commit.h"
#include "command/commands.h"
#include "command/dry_run.h"
#include "command/finish_run.h"
#include "command/terminal.h"
#include "command/train_host.h"
#include "command/train_report.h"
#include "command/train_resume.h"
#include "command/train_setup.h"
#include "engine/engine.h"
#include "eval/stories.h"
#include "record/run_recorder.h"
#include "store/locate.h"
#include "store/query.h"
#include "store/series.h"
#include "store/store.h"

namespace llmops::command {

namespace {

record::RunStart describe(const TrainOptions& options, const TrainSetup& setup,
                          const engine::Engine& engine, const Invocation& invocation) {
  const recipe::Recipe& recipe = setup.recipe();
  record::RunStart start;
  start.kind = "train";
  // Texts as the recipe has them: what the environment holds is not recorded.
  const recipe::LoadedRecipe& loaded = setup.loaded;
  if (const Json* name = loaded.find_param("logging.run_name")) start.name = name->as_string();
  start.experiment = loaded.find_param("logging.experiment")->as_string();
  std::vector<std::string> tags;
  for (const Json& tag : loaded.find_param("logging.tags")->as_array()) {
    tags.push_back(tag.as_string());
  }
  tags.insert(tags.end(), options.tags.begin(), options.tags.end());
  for (const std::string& tag : tags) {
    const auto equals = tag.find('=');
    start.tags.emplace_back(tag.substr(0, equals),
                            equals == std::string::npos ? "" : tag.substr(equals + 1));
  }
  start.arguments = invocation.arguments;
  start.recipe_path = options.recipe.recipe;
  start.recipe_given = setup.loaded.given;
  start.recipe_resolved = setup.loaded.resolved;
  start.params = setup.loaded.params;
  start.digests = setup.identity.inputs;
  start.digests["recipe"] = setup.identity.settings_digest();
  start.digests["code"] = build_commit();
  start.identity_digest = setup.identity.digest();
  start.output_dir = setup.output_dir;
  start.versions = Json::object().set("llmops", version()).set("engine", engine.description());
  start.system_metrics_seconds = static_cast<int>(recipe.logging.system_metrics_seconds);
  return start;
}

// Checked before the data is tokenized, which may take hours.
void require_writable(const TrainOptions& options, const recipe::Recipe& recipe,
                      const std::string& store) {
  if (!options.no_record) store::Store::require_writable(store);
  // A resumed run may have another folder.
  if (options.resume != "auto") require_writable_folder(absolute_path(recipe.output_dir));
}

// A model that is written over another one would leave a mixture when it fails.
void require_new_folder(const std::string& folder) {
  if (path_exists(folder) && (!is_directory(folder) || !list_directory(folder).empty())) {
    throw usage_error("--export-init: {} exists and is not an empty folder", printable(folder))
        .hint("name a new folder");
  }
  require_writable_folder(absolute_path(folder));
}

std::unique_ptr<record::RunRecorder> open_run(const TrainOptions& options, const std::string& store,
                                              const ResumePoint& point,
                                              const record::RunStart& start) {
  if (options.no_record) return record::no_run(start);
  if (point.run_id) return record::resume_run(store, *point.run_id, point.step, start);
  return record::begin_run(store, start, point.step);
}

engine::TrainJob make_job(const TrainOptions& options, const TrainSetup& setup,
                          const ResumePoint& point) {
  engine::TrainJob job;
  job.recipe = setup.recipe();
  job.config = setup.planned.config;
  job.plan = setup.planned.plan;
  job.dataset = setup.dataset.get();
  job.output_dir = absolute_path(setup.recipe().output_dir);
  job.resume_from = point.checkpoint;
  job.identity = setup.identity;
  job.profile = options.profile;
  if (options.profile) job.trace_path = join_path(job.output_dir, "trace.json");
  return job;
}

// The values that earlier attempts recorded last: they count for `expect` as well.
LastValues recorded_values(const TrainOptions& options, const std::string& folder,
                           const ResumePoint& point) {
  LastValues values;
  if (options.no_record || !point.run_id || !store::find_store(folder)) return values;
  store::Store store = store::Store::open_to_read(folder);
  const auto run = store::find_run(store, *point.run_id);
  if (!run) return values;
  std::vector<store::Series> recorded;
  try {
    recorded = store::list_series(store, run->row);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kDamaged) throw;  // damage is reported when the run is resumed
  }
  for (const store::Series& series : recorded) {
    const store::Summary& s = series.summary;
    if (s.n > 0 && s.last_step <= point.step) values[series.name] = {s.last_step, s.last};
  }
  return values;
}

// By prompt: the text that names variables of the environment, whose values are not recorded.
std::map<std::string, std::string> prompts_as_written(const recipe::LoadedRecipe& loaded) {
  std::map<std::string, std::string> written;
  const auto origin = loaded.origins.find("generate.prompts");
  if (origin == loaded.origins.end() || !origin->second.given.is_array()) return written;
  const auto& given = origin->second.given.as_array();
  const std::vector<std::string>& prompts = loaded.recipe.generate.prompts;
  for (std::size_t i = 0; i < std::min(given.size(), prompts.size()); ++i) {
    if (given[i].is_string()) written[prompts[i]] = given[i].as_string();
  }
  return written;
}

// Takes the output folder: checks its space, makes it, and holds it against other processes.
void take_folder(const TrainOptions& options, const std::string& store, const TrainSetup& setup,
                 ResumePoint& point) {
  const std::string folder = absolute_path(setup.recipe().output_dir);
  require_space(setup);
  make_directories(folder);
  if (!point.hold) {
    point.hold = hold_folder(folder, store);
    // Another process may have trained there between the search and the hold.
    if (options.resume == "auto" && !point.checkpoint && checkpoint::holds_checkpoints(folder)) {
      throw Error(ExitCode::kBusy, "another process has written checkpoints there meanwhile")
          .at(folder)
          .hint("rerun: --resume auto continues from them");
    }
  }
  if (!point.checkpoint && !point.run_id) require_fresh(folder, options.resume);
}

// Says, and records, how the run differs from a plain new one.
void note_start(const TrainSetup& setup, const ResumePoint& point, const std::string& wanted_name,
                record::RunRecorder& recorder, Progress& progress) {
  if (point.checkpoint) {
    progress.note(fmt::format("resuming {} at step {} from {}", recorder.name(), point.step,
                              *point.checkpoint));
  }
  if (point.run_id && !wanted_name.empty() && wanted_name != recorder.name()) {
    progress.note(fmt::format("the run keeps its name, {}", recorder.name()));
  }
  if (!point.origin.empty()) {
    progress.note(point.origin);
    recorder.event("warning", "resumed", point.step, point.origin);
    recorder.artifact("input", "checkpoint", *point.checkpoint, "", 0);
  }
  if (const auto warning = data::small_vocabulary(setup.recipe().tokenizer,
                                                  setup.dataset->tokenizer().vocab_size())) {
    progress.note("warning: " + *warning);
    if (!point.run_id) recorder.event("warning", "small_vocabulary", 0, *warning);
  }
  for (const std::string& change : point.changes) {
    progress.note(change);
    recorder.event("warning", "changed", point.step, change);
  }
}

// Records how a model that learned generated stories writes them; nothing for other recipes.
void score_stories(const recipe::Recipe& recipe, TrainHost& host) {
  const auto stories = std::ranges::find_if(recipe.data.train, [](const recipe::Source& source) {
    return source.synth && source.synth->kind == "stories";
  });
  if (stories == recipe.data.train.end()) return;
  const auto score = eval::score_stories(host.last_samples(), *stories->synth);
  if (!score) return;
  host.log("sample/parse_rate", host.last_sample_step(), score->parse_rate);
  host.log("sample/novel_rate", host.last_sample_step(), score->novel_rate);
}

// Trains, and closes the run with what came of it. Throws Error when training does.
engine::TrainResult run_to_end(engine::Engine& engine, engine::TrainJob job, TrainHost& host,
                               record::RunRecorder& recorder) {
  const recipe::Recipe recipe = job.recipe;
  engine::TrainResult result;
  try {
    result = engine.make_trainer(std::move(job))->run(host);
    if (result.code == ExitCode::kOk) score_stories(recipe, host);
    conclude(result, recipe, host.last_values());
  } catch (const Error& error) {
    const Ending ending = finish_run(recorder, {error.code(), error.what()});
    throw Error(ending.code, ending.reason);
  }
  const Ending ending = finish_run(recorder, {result.code, result.reason}, result.checkpoint);
  result.code = ending.code;
  result.reason = ending.reason;
  return result;
}

ExitCode train(TrainOptions& options, const Invocation& invocation) {
  const ProgressMode mode =
      options.quiet ? ProgressMode::kNone : parse_progress_mode(options.progress);
  recipe::LoadedRecipe loaded = load_checked(options.recipe, invocation);
  loaded.recipe.train.device = resolve_device(loaded.recipe.train.device);
  if (options.dry_run) return dry_run(options, loaded.recipe, invocation);
  const bool exports = !options.export_init.empty();
  Progress progress(invocation.err, mode, loaded.recipe.logging.logging_steps);
  const std::string store = store::store_to_write(invocation.store);
  require_writable(options, loaded.recipe, store);
  if (exports) require_new_folder(options.export_init);

  TrainSetup setup = set_up(std::move(loaded), progress);
  ResumePoint point;
  if (!exports) point = find_resume_point(options, store, setup, progress);
  const recipe::Recipe& recipe = setup.recipe();
  if (!options.export_batches.empty()) {
    export_batches(options.export_batches, *setup.dataset, setup.planned.plan,
                   options.export_steps);
  }
  LastValues values = recorded_values(options, store, point);
  if (point.finished) {
    progress.note(
        fmt::format("the run has finished at step {}; nothing is left to do", point.step));
    return print_result(options, invocation, finished_result(recipe, point, values), *point.run_id);
  }
  engine::Engine& engine = engine::load_engine(recipe.train.device);
  engine::TrainJob job = make_job(options, setup, point);
  if (exports) {
    engine.write_initial_model(job, options.export_init);
    return ExitCode::kOk;
  }

  throw_if_stop_requested("before the first step");
  take_folder(options, store, setup, point);
  record::RunStart start = describe(options, setup, engine, invocation);
  start.warn = [&progress](std::string_view text) { progress.note(text); };
  const auto recorder = open_run(options, store, point, start);
  job.run_id = recorder->id();
  TrainHost host(recipe, *setup.dataset, *recorder, progress);
  host.remember(std::move(values));
  host.record_prompts_as(prompts_as_written(setup.loaded));
  note_start(setup, point, start.name, *recorder, progress);
  const std::string trace_path = job.trace_path;
  const engine::TrainResult result = run_to_end(engine, std::move(job), host, *recorder);
  progress.finish();
  if (mode != ProgressMode::kJson && mode != ProgressMode::kNone) {
    print_profile(invocation, result, trace_path);
    print_ending(invocation, recipe, host, result, options.no_record ? "" : recorder->id());
  }
  return print_result(options, invocation, result, recorder->id());
}

// --name and the like set a key of the recipe to the text that is typed.
CLI::Option* add_shorthand(CLI::App& app, TrainOptions& options, const char* name, const char* key,
                           const char* help) {
  return app.add_option_function<std::string>(
      name,
      [&options, key](const std::string& value) {
        options.recipe.texts.push_back({key, value});
      },
      help);
}

Action define(CLI::App& app, const Invocation& invocation) {
  auto options = std::make_shared<TrainOptions>();
  add_recipe_arguments(app, options->recipe);
  app.add_flag("--dry-run", options->dry_run,
               "Print the plan or all errors of the recipe; write nothing");
  app.add_option("--resume", options->resume,
                 "never, auto (the newest checkpoint of this recipe), or\na checkpoint folder")
      ->type_name("HOW")
      ->capture_default_str();
  app.add_option("--allow-change", options->allow_change,
                 "Key of the recipe that may differ from the checkpoint's; may be repeated")
      ->type_name("KEY")
      ->allow_extra_args(false);
  add_shorthand(app, *options, "--device", "train.device", "Where to train")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  add_shorthand(app, *options, "--name", "logging.run_name",
                "Name of the run; by default a new one");
  add_shorthand(app, *options, "--experiment", "logging.experiment", "Experiment of the run");
  app.add_option("--tag", options->tags, "Label of the run, added to the recipe's; may be repeated")
      ->type_name("KEY=VALUE")
      ->check(line(recipe::tag_rule()))
      ->check([](const std::string& tag) {
        const std::size_t equals = tag.find('=');
        return equals == std::string::npos || equals == 0 ? "not KEY=VALUE" : "";
      })
      ->allow_extra_args(false);
  add_shorthand(app, *options, "--output-dir", "output_dir", "Folder for checkpoints")
      ->type_name("PATH");
  add_progress_options(app, options->progress, options->quiet);
  app.add_flag("--profile", options->profile,
               "Time every kernel; writes trace.json for chrome://tracing to output_dir");
  app.add_flag("--json", options->json, "Print the result as an object");
  app.add_flag("--no-record", options->no_record, "Keep no record in the store");
  app.add_option("--export-init", options->export_init,
                 "Write the initial weights as a Hugging Face folder and leave")
      ->type_name("PATH");
  app.add_option("--export-batches", options->export_batches,
                 "Write the first batches to a file, for comparing trainers")
      ->type_name("PATH");
  app.add_option("--export-steps", options->export_steps, "How many steps of batches")
      ->check(whole_number(config::between(1, 1e6)))
      ->capture_default_str();
  return [options, &invocation] { return train(*options, invocation); };
}

}  // namespace

Command train_command() {
  return {"train", "Train a language model from a recipe", define};
}

}  // namespace llmops::command
