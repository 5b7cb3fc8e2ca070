#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/exit_code.h"
#include "base/json.h"

namespace llmops::store {
struct Run;
}

namespace llmops::record {

struct RunStart {
  std::string kind = "train";  // train | finetune | eval | …
  std::string name;            // empty: "KIND-" and a short id
  std::string experiment = "default";
  std::vector<std::pair<std::string, std::string>> tags;
  std::vector<std::string> arguments;                      // argv
  std::string recipe_path, recipe_given, recipe_resolved;  // texts, stored as blobs
  std::vector<std::pair<std::string, Json>> params;        // dotted key, scalar or list
  std::map<std::string, std::string> digests;              // component -> sha256
  std::string identity_digest;  // recipe::Identity::digest(); empty: not to be resumed
  std::string output_dir;       // absolute, with references to the environment as written
  Json versions;
  int system_metrics_seconds = 10;  // 0 = off
  // Called from another thread when the store begins to fail and when it works again; training
  // continues meanwhile.
  std::function<void(std::string_view)> warn;
};

// One run from start to end: store rows, writer thread, heartbeat, system metrics, git and
// environment capture. Safe from any thread. The destructor closes the run as crashed if finish()
// was not called.
class RunRecorder {
 public:
  virtual ~RunRecorder() = default;
  virtual std::string id() const = 0;  // ULID
  virtual std::string name() const = 0;
  // Queues one point; never blocks on the disk.
  virtual void log(std::string_view series, std::int64_t step, double value) = 0;
  virtual void event(std::string_view level, std::string_view code, std::int64_t step,
                     std::string_view text) = 0;
  // A generated text; stored as a blob.
  virtual void sample(std::int64_t step, std::string_view prompt, std::string_view text) = 0;
  // A file or folder that the run made, by path; digest empty = not computed.
  virtual void artifact(std::string_view role, std::string_view kind, std::string_view path,
                        std::string_view digest, std::int64_t bytes) = 0;
  // The run continues from an earlier step within this process: points beyond it no longer show, as
  // after a resume.
  virtual void rewind(std::int64_t step) = 0;
  // All up to the step was logged: it is on the disk when this returns, as long as the store can be
  // written. Waits two seconds at most, and not at all while writing fails; never throws, as what
  // is missing is queued still.
  virtual void flush(std::int64_t step) = 0;
  // Takes a few seconds at most. Throws Error(kStorage) that says what the record lacks.
  virtual void finish(ExitCode code, std::string_view reason) = 0;
};

// The folder that an output_dir names: references to the environment have the values of now. One
// whose variable is not set stays as it is.
std::string real_path(const std::string& output_dir);
// A path of the run, which may begin with its output_dir as stored. Nothing when output_dir names
// another folder here than the run wrote to: a variable has another value.
std::optional<std::string> real_path(const store::Run& run, const std::string& path);

// Starts a run in the store; store_path is the value of --store, empty when not given (see
// store/locate.h). from_step is that of a checkpoint of a run that this store does not know. Throws
// Error(kBusy) that names the holder when a run that is alive has the same output_dir.
std::unique_ptr<RunRecorder> begin_run(const std::string& store_path, const RunStart& start,
                                       std::int64_t from_step = 0);
// Records nothing: for --no-record.
std::unique_ptr<RunRecorder> no_run(const RunStart& start);
// Goes on with a run as its next attempt: points of steps beyond from_step of earlier attempts no
// longer show. Its parameters, digests and identity become those of `start`. What the attempts
// before could not record becomes a warning, in the run's events and to start.warn. Throws
// Error(kBusy) when the run is alive, kNotFound when there is none.
std::unique_ptr<RunRecorder> resume_run(const std::string& store_path, const std::string& run_id,
                                        std::int64_t from_step, const RunStart& start);

// Throws Error(kBusy) that names the holder when a run that is alive has this output_dir. Creates
// no store, as the functions below.
void require_free(const std::string& store_path, const std::string& output_dir);

// A run that the store knows.
struct KnownRun {
  std::string id, name, output_dir;
  std::optional<std::string> folder;  // what output_dir names; nothing when not known here
  bool finished = false;  // did all that was asked, whether or not it came up to `expect`
};
std::optional<KnownRun> find_known(const std::string& store_path, const std::string& run_id);

// For --resume auto: the newest run of this identity that has not finished (stopped, crashed,
// failed, or still running), one with this output_dir before others, or only such a one; one whose
// folder is known before the rest.
std::optional<KnownRun> find_unfinished(const std::string& store_path,
                                        const std::string& identity_digest,
                                        const std::string& output_dir = "",
                                        bool only_there = false);

}  // namespace llmops::record
