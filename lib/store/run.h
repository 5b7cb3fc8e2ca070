#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/exit_code.h"
#include "base/json.h"
#include "base/process.h"
#include "store/store.h"

namespace llmops::store {

enum class RunStatus {
  kRunning,
  kFinished,  // did everything that was asked
  kFailed,
  kStopped,  // by a signal or by max_time, after saving; can be resumed
  kCrashed,  // its process ended without closing it; can be resumed
};
std::string_view name_of(RunStatus status);
std::optional<RunStatus> parse_status(std::string_view name);
RunStatus status_for(ExitCode code);

// One run: its task and its outcome.
struct Run {
  std::int64_t row = 0;
  std::string id, kind, name, experiment, identity;
  // The absolute path, with references to the environment as written, and the digest of the
  // expanded path when the run wrote there. Both are empty without a folder.
  std::string output_dir, output_dir_sha256;
  RunStatus status = RunStatus::kRunning;
  std::optional<std::int64_t> exit_code;
  std::string reason;
  std::int64_t created_ms = 0, heartbeat_ms = 0;
  std::optional<std::int64_t> ended_ms;
  std::int64_t elapsed_ms = 0;     // monotonic, all attempts
  std::int64_t attempts = 1;       // the number of the newest
  std::int64_t recorded_step = 0;  // everything logged up to it is in the store
};

// One process that worked on the run. Members with _sha256 are digests of blobs; empty = none.
struct Attempt {
  std::int64_t number = 1, from_step = 0;
  std::int64_t base_ms = 0;  // elapsed in the attempts before
  std::int64_t started_ms = 0;
  std::optional<std::int64_t> ended_ms, exit_code;
  std::string reason;
  ProcessIdentity process;
  std::string user, working_directory;
  Json arguments;
  std::string recipe_path, recipe_given_sha256, recipe_resolved_sha256;
  std::string git_commit, git_branch, git_diff_sha256;
  std::optional<bool> git_dirty;  // nothing: no repository
  Json hardware, versions;
};
// The columns of the table attempt that describe its process and its recipe.
inline constexpr std::string_view kProcessColumns =
    "host, boot_id, pid, start_ticks, user, working_directory, arguments, recipe_path, "
    "recipe_given, recipe_resolved, git_commit, git_branch, git_dirty, git_diff, hardware, "
    "versions, pid_namespace";

struct Event {
  std::int64_t attempt = 1, time_ms = 0, step = 0;
  std::string level, code, text;
};
struct Sample {
  std::int64_t attempt = 1, time_ms = 0, step = 0;
  std::string prompt_sha256, text_sha256;  // of blobs
};
struct Artifact {
  std::int64_t attempt = 1, time_ms = 0;
  std::string role, kind, path, digest;
  std::int64_t bytes = 0;
};

// Writing; call each within a transaction.
void insert_run(Store& store, Run& run);  // sets row; makes the experiment when it is new
void insert_attempt(Store& store, std::int64_t run, const Attempt& attempt);
std::int64_t param_checksum(std::int64_t run, std::string_view key, std::string_view value);
// Removes all parameters, before those of a new attempt are set: it may have fewer.
void clear_params(Store& store, std::int64_t run);
void set_param(Store& store, std::int64_t run, std::string_view key, const Json& value);
void set_tag(Store& store, std::int64_t run, std::string_view key, std::string_view value);
void set_digest(Store& store, std::int64_t run, std::string_view component,
                std::string_view sha256);
void insert_event(Store& store, std::int64_t run, const Event& event);
void insert_sample(Store& store, std::int64_t run, const Sample& sample);
void put_artifact(Store& store, std::int64_t run, const Artifact& artifact);  // by role and path
// Marks the run as running again, with this attempt, from this step.
void reopen_run(Store& store, std::int64_t run, std::int64_t attempt, std::int64_t from_step);
// Notes that everything that the attempt logged up to the step is in the store. Does nothing if it
// is no longer the newest attempt.
void set_recorded_step(Store& store, std::int64_t run, std::int64_t attempt, std::int64_t step);
// Updates output_dir and identity: both may change with a resume.
void move_run(Store& store, const Run& run);
// Begins the attempt of this number, of the same process as the newest one, at an earlier step.
void continue_as_attempt(Store& store, std::int64_t run, std::int64_t number,
                         std::int64_t from_step);
// Ends the run and its newest attempt with the status, exit_code, reason and ended_ms of `run`.
void close_run(Store& store, const Run& run);

}  // namespace llmops::store
