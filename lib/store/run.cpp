#include "store/run.h"

#include "base/enum_names.h"
#include "base/error.h"
#include "base/secrets.h"
#include "base/time.h"
#include "store/checksum.h"
#include "store/series.h"

namespace llmops::store {

namespace {

constexpr EnumName<RunStatus> kStatuses[] = {
    {RunStatus::kRunning, "running"}, {RunStatus::kFinished, "finished"},
    {RunStatus::kFailed, "failed"},   {RunStatus::kStopped, "stopped"},
    {RunStatus::kCrashed, "crashed"},
};

std::int64_t intern_experiment(Store& store, std::string_view name) {
  Statement find = store.database().prepare("SELECT id FROM experiment WHERE name = ?");
  if (find.bind(name).step()) return find.integer(0);
  store.database().run("INSERT INTO experiment(name, created_ms) VALUES(?, ?)", name,
                       wall_clock_ms());
  return store.database().last_id();
}

std::optional<std::string_view> digest_or_null(const std::string& digest) {
  if (digest.empty()) return std::nullopt;
  return digest;
}

}  // namespace

static std::span<const EnumName<RunStatus>> names_of(RunStatus) {
  return kStatuses;
}

std::string_view name_of(RunStatus status) {
  return enum_name(status);
}

std::optional<RunStatus> parse_status(std::string_view name) {
  return find_enum<RunStatus>(name);
}

RunStatus status_for(ExitCode code) {
  switch (code) {
    case ExitCode::kOk:
      return RunStatus::kFinished;
    case ExitCode::kBudgetSpent:
    case ExitCode::kHangup:
    case ExitCode::kInterrupted:
    case ExitCode::kTerminated:
      return RunStatus::kStopped;
    default:
      return RunStatus::kFailed;
  }
}

void insert_run(Store& store, Run& run) {
  store.database().run(
      "INSERT INTO run(uid, experiment_id, kind, name, status, created_ms, heartbeat_ms, "
      "elapsed_ms, attempts, output_dir, output_dir_sha256, identity) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      run.id, intern_experiment(store, run.experiment), run.kind, run.name, name_of(run.status),
      run.created_ms, run.heartbeat_ms, run.elapsed_ms, run.attempts, run.output_dir,
      run.output_dir_sha256, run.identity);
  run.row = store.database().last_id();
}

// Whether key and value together look like a credential although the value alone does not.
static bool is_secret(std::string_view key, std::string_view value) {
  return !has_secret(value) && has_secret(std::string(key).append("=").append(value));
}

void insert_attempt(Store& store, std::int64_t run, const Attempt& a) {
  const std::string insert = fmt::format(
      "INSERT INTO attempt(run_id, number, from_step, base_ms, started_ms, {}) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      kProcessColumns);
  store.database().run(insert, run, a.number, a.from_step, a.base_ms, a.started_ms, a.process.host,
                       a.process.boot_id, a.process.pid, a.process.start_ticks, a.user,
                       a.working_directory, a.arguments.dump(), a.recipe_path,
                       digest_or_null(a.recipe_given_sha256),
                       digest_or_null(a.recipe_resolved_sha256), a.git_commit, a.git_branch,
                       a.git_dirty, digest_or_null(a.git_diff_sha256), a.hardware.dump(),
                       a.versions.dump(), a.process.pid_namespace);
}

std::int64_t param_checksum(std::int64_t run, std::string_view key, std::string_view value) {
  return Checksum().add(run).add(key).add(value).value();
}

void clear_params(Store& store, std::int64_t run) {
  store.database().run("DELETE FROM param WHERE run_id = ?", run);
}

// The checksum is of the text as stored, after redaction: a later version may redact other texts.
void set_param(Store& store, std::int64_t run, std::string_view key, const Json& value) {
  const std::string written = value.dump(), name = storable(key);
  const std::string text =
      is_secret(key, written) ? Json(std::string(kRedacted)).dump() : storable(written);
  store.database().run(
      "INSERT OR REPLACE INTO param(run_id, key_id, value, checksum) VALUES(?, ?, ?, ?)", run,
      intern_key(store, name), text, param_checksum(run, name, text));
}

void set_tag(Store& store, std::int64_t run, std::string_view key, std::string_view value) {
  store.database().run("INSERT OR REPLACE INTO tag(run_id, key_id, value) VALUES(?, ?, ?)", run,
                       intern_key(store, key), is_secret(key, value) ? kRedacted : value);
}

void set_digest(Store& store, std::int64_t run, std::string_view component,
                std::string_view sha256) {
  store.database().run("INSERT OR REPLACE INTO digest(run_id, component, sha256) VALUES(?, ?, ?)",
                       run, component, sha256);
}

void insert_event(Store& store, std::int64_t run, const Event& e) {
  store.database().run(
      "INSERT INTO event(run_id, attempt, time_ms, step, level, code, text) "
      "VALUES(?, ?, ?, ?, ?, ?, ?)",
      run, e.attempt, e.time_ms, e.step, e.level, e.code, e.text);
}

void insert_sample(Store& store, std::int64_t run, const Sample& s) {
  store.database().run(
      "INSERT INTO sample(run_id, attempt, time_ms, step, prompt, text) "
      "VALUES(?, ?, ?, ?, ?, ?)",
      run, s.attempt, s.time_ms, s.step, s.prompt_sha256, s.text_sha256);
}

void put_artifact(Store& store, std::int64_t run, const Artifact& a) {
  store.database().run(
      "INSERT OR REPLACE INTO artifact(run_id, attempt, time_ms, role, kind, path, digest, "
      "bytes) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
      run, a.attempt, a.time_ms, a.role, a.kind, a.path, a.digest, a.bytes);
}

void reopen_run(Store& store, std::int64_t run, std::int64_t attempt, std::int64_t from_step) {
  store.database().run(
      "UPDATE run SET status = 'running', exit_code = NULL, reason = NULL, ended_ms = NULL, "
      "heartbeat_ms = ?, attempts = ?, recorded_step = ? WHERE id = ?",
      wall_clock_ms(), attempt, from_step, run);
}

void set_recorded_step(Store& store, std::int64_t run, std::int64_t attempt, std::int64_t step) {
  store.database().run("UPDATE run SET recorded_step = ? WHERE id = ? AND attempts = ?", step, run,
                       attempt);
}

void move_run(Store& store, const Run& run) {
  store.database().run(
      "UPDATE run SET output_dir = ?, output_dir_sha256 = ?, identity = ? WHERE id = ?",
      run.output_dir, run.output_dir_sha256, run.identity, run.row);
}

void continue_as_attempt(Store& store, std::int64_t run, std::int64_t number,
                         std::int64_t from_step) {
  const std::string insert = fmt::format(
      "INSERT INTO attempt(run_id, number, from_step, base_ms, started_ms, {0}) "
      "SELECT run_id, ?1, ?2, (SELECT elapsed_ms FROM run WHERE id = run_id), ?3, {0} "
      "FROM attempt WHERE run_id = ?4 AND number = ?1 - 1",
      kProcessColumns);
  store.database().run(insert, number, from_step, wall_clock_ms(), run);
  store.database().run(
      "UPDATE attempt SET ended_ms = ?, reason = ? WHERE run_id = ? AND number = ?",
      wall_clock_ms(), fmt::format("went back to step {}", from_step), run, number - 1);
  reopen_run(store, run, number, from_step);
}

void close_run(Store& store, const Run& run) {
  store.database().run(
      "UPDATE run SET status = ?, exit_code = ?, reason = ?, ended_ms = ? WHERE id = ?",
      name_of(run.status), run.exit_code, run.reason, run.ended_ms, run.row);
  store.database().run(
      "UPDATE attempt SET exit_code = ?, reason = ?, ended_ms = ? WHERE run_id = ?4 AND "
      "number = (SELECT attempts FROM run WHERE id = ?4)",
      run.exit_code, run.reason, run.ended_ms, run.row);
}

}  // namespace llmops::store
