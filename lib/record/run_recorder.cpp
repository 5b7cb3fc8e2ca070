#include "record/run_recorder.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/process.h"
#include "base/secrets.h"
#include "base/text.h"
#include "base/time.h"
#include "config/environment.h"
#include "record/capture.h"
#include "record/system_metrics.h"
#include "record/ulid.h"
#include "store/blob.h"
#include "store/locate.h"
#include "store/query.h"
#include "store/run.h"
#include "store/writer.h"

namespace llmops::record {

namespace {

using store::Store;

constexpr std::int64_t kFlushMs = 2000;

std::string name_or_default(const RunStart& start, const std::string& id) {
  if (!start.name.empty()) return start.name;
  std::string tail = id.substr(id.size() - 6);
  std::ranges::transform(tail, tail.begin(), [](char c) { return c < 'A' ? c : char(c + 32); });
  return start.kind + "-" + tail;
}

// A run from its rows in the store to the end of its process.
class StoredRun : public RunRecorder {
 public:
  StoredRun(Store store, store::Run run, std::int64_t from_step, const RunStart& start)
      : run_(std::move(run)),
        attempt_(run_.attempts),
        newest_step_(from_step),
        real_dir_(real_path(run_, run_.output_dir).value_or(run_.output_dir)),
        folder_(store.folder()),
        writer_(std::move(store), run_.row, run_.attempts, run_.elapsed_ms, start.warn) {
    if (start.system_metrics_seconds == 0) return;
    const std::string& disk = path_exists(real_dir_) ? real_dir_ : folder_;
    system_metrics_ = std::make_unique<SystemMetrics>(
        start.system_metrics_seconds, disk,
        [this](std::string_view name, double value) { writer_.log(name, newest_step_, value); });
  }

  ~StoredRun() override {
    if (is_finished_) return;
    try {
      close(store::RunStatus::kCrashed, ExitCode::kFailed, "ended by an internal error");
    } catch (const std::exception&) {
      // The row still says running; readers see that the process is gone.
    }
  }

  std::string id() const override { return run_.id; }
  std::string name() const override { return run_.name; }

  void log(std::string_view series, std::int64_t step, double value) override {
    if (step > newest_step_.load(std::memory_order_relaxed)) newest_step_ = step;
    writer_.log(series, step, value);
  }

  void event(std::string_view level, std::string_view code, std::int64_t step,
             std::string_view text) override {
    writer_.post(
        [run = run_.row, event = store::Event{attempt_, wall_clock_ms(), step, std::string(level),
                                              std::string(code), as_written(text)}](Store& store) {
          insert_event(store, run, event);
        });
  }

  void sample(std::int64_t step, std::string_view prompt, std::string_view text) override {
    writer_.post([run = run_.row, attempt = attempt_.load(), time_ms = wall_clock_ms(), step,
                  prompt = std::string(prompt), text = std::string(text)](Store& store) {
      insert_sample(store, run,
                    {attempt, time_ms, step, put_blob(store, prompt), put_blob(store, text)});
    });
  }

  void artifact(std::string_view role, std::string_view kind, std::string_view path,
                std::string_view digest, std::int64_t bytes) override {
    writer_.post(
        [run = run_.row,
         artifact = store::Artifact{attempt_, wall_clock_ms(), std::string(role), std::string(kind),
                                    as_written(path), std::string(digest), bytes}](Store& store) {
          put_artifact(store, run, artifact);
        });
  }

  void rewind(std::int64_t step) override {
    ++attempt_;
    newest_step_ = step;
    writer_.rewind(step);
  }

  void flush(std::int64_t step) override {
    writer_.post([run = run_.row, attempt = attempt_.load(), step](Store& store) {
      set_recorded_step(store, run, attempt, step);
    });
    writer_.flush(kFlushMs);
  }

  void finish(ExitCode code, std::string_view reason) override {
    if (!is_finished_) close(store::status_for(code), code, reason);
  }

 private:
  // The text with the output folder as the store names it.
  std::string as_written(std::string_view text) const {
    std::string written(text);
    if (real_dir_ == run_.output_dir || real_dir_.size() < 2) return written;
    for (auto at = written.find(real_dir_); at != std::string::npos;
         at = written.find(real_dir_, at + run_.output_dir.size())) {
      written.replace(at, real_dir_.size(), run_.output_dir);
    }
    return written;
  }

  void close(store::RunStatus status, ExitCode code, std::string_view reason) {
    is_finished_ = true;
    system_metrics_.reset();
    run_.status = status;
    run_.exit_code = static_cast<int>(code);
    run_.reason = as_written(reason);
    run_.ended_ms = wall_clock_ms();
    writer_.post([run = run_](Store& store) { close_run(store, run); });
    writer_.close();
  }

  store::Run run_;
  std::atomic<std::int64_t> attempt_, newest_step_;
  std::string real_dir_, folder_;
  store::Writer writer_;
  std::unique_ptr<SystemMetrics> system_metrics_;  // ends before the writer
  bool is_finished_ = false;
};

class UnrecordedRun : public RunRecorder {
 public:
  explicit UnrecordedRun(const RunStart& start)
      : id_(make_ulid(wall_clock_ms())), name_(name_or_default(start, id_)) {}

  std::string id() const override { return id_; }
  std::string name() const override { return name_; }
  void log(std::string_view, std::int64_t, double) override {}
  void event(std::string_view, std::string_view, std::int64_t, std::string_view) override {}
  void sample(std::int64_t, std::string_view, std::string_view) override {}
  void artifact(std::string_view, std::string_view, std::string_view, std::string_view,
                std::int64_t) override {}
  void rewind(std::int64_t) override {}
  void flush(std::int64_t) override {}
  void finish(ExitCode, std::string_view) override {}

 private:
  std::string id_, name_;
};

// What is known of this process before the store is touched.
store::Attempt describe_attempt(const RunStart& start) {
  store::Attempt attempt;
  attempt.started_ms = wall_clock_ms();
  attempt.process = this_process();
  attempt.user = user_name();
  attempt.working_directory = absolute_path(".");
  attempt.arguments = Json::array();
  for (const std::string& argument : start.arguments) attempt.arguments.push(argument);
  attempt.recipe_path = start.recipe_path;
  attempt.hardware = capture_hardware();
  attempt.versions = start.versions;
  return attempt;
}

Error busy(Store& store, const store::Run& run, std::string_view what) {
  const auto holder = find_attempt(store, run.row, run.attempts);
  return Error(ExitCode::kBusy, fmt::format("{} is in use by run {} (process {} on {})", what,
                                            run.name, holder->process.pid, holder->process.host))
      .hint("wait for it, stop it, or choose another output_dir");
}

// By name when it does not exist yet, else wherever links lead to. Some runs have no folder.
bool is_same_folder(const store::Run& run, const std::string& folder) {
  const auto place = real_path(run, run.output_dir);
  return place && !place->empty() && (*place == folder || is_same_file(*place, folder));
}

void set_folder(store::Run& run, const std::string& output_dir) {
  run.output_dir = output_dir;
  run.output_dir_sha256 = output_dir.empty() ? "" : sha256(real_path(output_dir));
}

// Marks the runs of dead processes as crashed, and refuses a folder that a live one writes to.
void check_free(Store& store, const std::string& output_dir) {
  store::RunFilter filter;
  filter.marked_running = true;
  filter.limit = 0;
  for (const store::Run& run : list_runs(store, filter)) {
    if (run.status == store::RunStatus::kCrashed) {
      close_run(store, run);
    } else if (is_same_folder(run, real_path(output_dir))) {
      throw busy(store, run, output_dir);
    }
  }
}

// The store leaves credentials out. Warns whoever supplied one, once for each place.
void warn_of_secrets(const RunStart& start, const GitState& git) {
  std::string tags;
  for (const auto& [key, value] : start.tags) tags += key + "=" + value + "\n";
  std::vector<std::string> places;
  const auto look = [&places](std::string_view text, const char* place) {
    if (has_secret(text)) places.emplace_back(place);
  };
  look(start.name, "the name");
  look(start.experiment, "the experiment");
  look(tags, "the tags");
  look(join(start.arguments, "\n"), "the command line");
  look(start.recipe_given, "the recipe");
  look(git.diff, "the git diff");
  if (places.empty() || !start.warn) return;
  start.warn(fmt::format("warning: what looks like a credential is recorded as {} in {}", kRedacted,
                         join(places, ", ")));
}

void put_attempt(Store& store, const store::Run& run, store::Attempt& attempt,
                 const RunStart& start, const GitState& git) {
  const auto put = [&](const std::string& text) {
    return text.empty() ? std::string() : put_blob(store, text);
  };
  warn_of_secrets(start, git);
  attempt.number = run.attempts;
  attempt.base_ms = run.elapsed_ms;
  attempt.recipe_given_sha256 = put(start.recipe_given);
  attempt.recipe_resolved_sha256 = put(start.recipe_resolved);
  attempt.git_commit = git.commit;
  attempt.git_branch = git.branch;
  attempt.git_dirty = git.dirty;
  attempt.git_diff_sha256 = put(git.diff);
  insert_attempt(store, run.row, attempt);
  clear_params(store, run.row);
  for (const auto& [key, value] : start.params) set_param(store, run.row, key, value);
  for (const auto& [key, value] : start.tags) set_tag(store, run.row, key, value);
  for (const auto& [component, digest] : start.digests) {
    set_digest(store, run.row, component, digest);
  }
}

// Values that a process could not record before it ended are lost; the run says so.
void note_gap(Store& store, const store::Run& run, std::int64_t from_step, const RunStart& start) {
  if (run.recorded_step >= from_step) return;
  const std::string text = fmt::format(
      "values of steps {} to {} may be missing: the run ended before they could be recorded",
      run.recorded_step + 1, from_step);
  insert_event(store, run.row,
               {run.attempts, wall_clock_ms(), from_step, "warning", "record_gap", text});
  if (start.warn) start.warn(text);
}

// Reports damaged points: they must not keep a run from continuing.
void note_damage(Store& store, const store::Run& run, std::int64_t from_step,
                 const std::vector<std::string>& series, const RunStart& start) {
  if (series.empty()) return;
  const std::string text = "recorded values are damaged: " + join(series, ", ");
  insert_event(store, run.row,
               {run.attempts, wall_clock_ms(), from_step, "warning", "damaged_values", text});
  if (start.warn) start.warn("warning: " + text);
}

}  // namespace

std::string real_path(const std::string& output_dir) {
  const config::Expansion expansion = config::expand_environment(output_dir);
  if (output_dir.empty() || !expansion.problem.empty()) return output_dir;
  return absolute_path(expansion.text);
}

std::optional<std::string> real_path(const store::Run& run, const std::string& path) {
  if (run.output_dir.empty() || !path.starts_with(run.output_dir)) return path;
  const std::string folder = real_path(run.output_dir);
  const bool is_known = run.output_dir_sha256.empty() || run.output_dir_sha256 == sha256(folder);
  return is_known ? std::optional(folder + path.substr(run.output_dir.size())) : std::nullopt;
}

std::unique_ptr<RunRecorder> begin_run(const std::string& store_path, const RunStart& start,
                                       std::int64_t from_step) {
  store::Attempt attempt = describe_attempt(start);
  attempt.from_step = from_step;
  const GitState git = capture_git(attempt.working_directory);
  store::Run run;
  run.id = make_ulid(attempt.started_ms);
  run.kind = start.kind;
  run.name = name_or_default(start, run.id);
  run.experiment = start.experiment;
  set_folder(run, start.output_dir);
  run.identity = start.identity_digest;
  run.created_ms = run.heartbeat_ms = attempt.started_ms;

  require_threads(1);  // the writer's, which starts when the run is in the store
  Store store = Store::open_to_write(store::store_to_write(store_path));
  store.set_durable(true);
  store::Transaction transaction(store.database());
  check_free(store, run.output_dir);
  insert_run(store, run);
  put_attempt(store, run, attempt, start, git);
  transaction.commit();
  return std::make_unique<StoredRun>(std::move(store), std::move(run), from_step, start);
}

std::unique_ptr<RunRecorder> no_run(const RunStart& start) {
  return std::make_unique<UnrecordedRun>(start);
}

std::unique_ptr<RunRecorder> resume_run(const std::string& store_path, const std::string& run_id,
                                        std::int64_t from_step, const RunStart& start) {
  store::Attempt attempt = describe_attempt(start);
  const GitState git = capture_git(attempt.working_directory);
  require_threads(1);
  Store store = Store::open_to_write(store::get_store(store_path));
  store.set_durable(true);
  store::Transaction transaction(store.database());
  std::optional<store::Run> run = find_run(store, run_id);
  if (!run) throw Error(ExitCode::kNotFound, fmt::format("no run {} to resume", run_id));
  if (run->status == store::RunStatus::kRunning) throw busy(store, *run, "the run");
  if (!start.output_dir.empty()) set_folder(*run, start.output_dir);
  run->identity = start.identity_digest;
  check_free(store, run->output_dir);
  ++run->attempts;
  attempt.from_step = from_step;
  put_attempt(store, *run, attempt, start, git);
  note_gap(store, *run, from_step, start);
  reopen_run(store, run->row, run->attempts, from_step);
  move_run(store, *run);
  note_damage(store, *run, from_step, summarize_again(store, run->row), start);
  transaction.commit();
  return std::make_unique<StoredRun>(std::move(store), std::move(*run), from_step, start);
}

void require_free(const std::string& store_path, const std::string& output_dir) {
  const auto folder = store::find_store(store_path);
  if (!folder) return;
  Store store = Store::open_to_read(*folder);
  store::RunFilter filter;
  filter.marked_running = true;
  filter.limit = 0;
  for (const store::Run& run : list_runs(store, filter)) {
    if (run.status == store::RunStatus::kRunning && is_same_folder(run, output_dir))
      throw busy(store, run, output_dir);
  }
}

namespace {

KnownRun known(const store::Run& run) {
  const bool gate_failed = run.exit_code == static_cast<int>(ExitCode::kGateFailed);
  return {run.id, run.name, run.output_dir, real_path(run, run.output_dir),
          run.status == store::RunStatus::kFinished || gate_failed};
}

}  // namespace

std::optional<KnownRun> find_known(const std::string& store_path, const std::string& run_id) {
  const auto folder = store::find_store(store_path);
  if (!folder) return std::nullopt;
  Store store = Store::open_to_read(*folder);
  const auto run = find_run(store, run_id);
  return run ? std::optional(known(*run)) : std::nullopt;
}

std::optional<KnownRun> find_unfinished(const std::string& store_path,
                                        const std::string& identity_digest,
                                        const std::string& output_dir, bool only_there) {
  const auto folder = store::find_store(store_path);
  if (!folder) return std::nullopt;
  Store store = Store::open_to_read(*folder);
  store::RunFilter filter;
  filter.identity = identity_digest;
  filter.limit = 0;
  std::optional<KnownRun> newest;
  for (const store::Run& run : list_runs(store, filter)) {
    const KnownRun found = known(run);
    if (found.finished) continue;
    if (is_same_folder(run, output_dir)) return found;
    if (!newest || (!newest->folder && found.folder)) newest = found;
  }
  return only_there ? std::nullopt : newest;
}

}  // namespace llmops::record
