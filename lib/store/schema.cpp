#include "store/schema.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/file.h"
#include "base/time.h"
#include "base/version.h"

namespace llmops::store {

namespace {

constexpr std::int64_t kApplicationId = 0x6c6c6d32;  // "llm2"
constexpr std::int64_t kFirstFormat = 0x6c6c6d6f;    // "llmo": points without checksums

// Times are Unix milliseconds (_ms). Floating-point NULL is NaN. Every name that repeats is
// interned in key.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE migration(version INTEGER PRIMARY KEY, applied_ms INTEGER, tool_version TEXT);

CREATE TABLE experiment(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created_ms INTEGER NOT NULL);

-- What was asked and what became of it. The id orders runs: clocks jump, it does not.
CREATE TABLE run(
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,              -- ULID
  experiment_id INTEGER NOT NULL REFERENCES experiment,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  status TEXT NOT NULL,                  -- running finished failed stopped crashed
  exit_code INTEGER,
  reason TEXT,
  created_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  heartbeat_ms INTEGER NOT NULL,         -- last sign of life
  elapsed_ms INTEGER NOT NULL,           -- monotonic, over all attempts
  attempts INTEGER NOT NULL,             -- number of the newest attempt
  recorded_step INTEGER NOT NULL DEFAULT 0,  -- all that was logged up to it is here
  output_dir TEXT NOT NULL,
  identity TEXT NOT NULL);
CREATE INDEX run_running ON run(id) WHERE status = 'running';
CREATE INDEX run_identity ON run(identity);
CREATE INDEX run_name ON run(name);

-- One process that worked on a run. Points of earlier attempts show up to from_step.
CREATE TABLE attempt(
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  number INTEGER NOT NULL,
  from_step INTEGER NOT NULL,
  base_ms INTEGER NOT NULL,              -- elapsed time of the attempts before
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  exit_code INTEGER,
  reason TEXT,
  host TEXT, boot_id TEXT, pid INTEGER, start_ticks INTEGER,
  user TEXT, working_directory TEXT,
  arguments TEXT,                        -- JSON
  recipe_path TEXT,
  recipe_given TEXT REFERENCES blob,
  recipe_resolved TEXT REFERENCES blob,
  git_commit TEXT, git_branch TEXT, git_dirty INTEGER,
  git_diff TEXT REFERENCES blob,
  hardware TEXT, versions TEXT,          -- JSON
  pid_namespace TEXT,                    -- in which pid counts
  UNIQUE(run_id, number));

CREATE TABLE key(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE param(
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  key_id INTEGER NOT NULL REFERENCES key,
  value TEXT NOT NULL,                   -- JSON
  checksum INTEGER NOT NULL,             -- store/checksum.h
  PRIMARY KEY(run_id, key_id)) WITHOUT ROWID;

CREATE TABLE tag(
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  key_id INTEGER NOT NULL REFERENCES key,
  value TEXT NOT NULL,
  PRIMARY KEY(run_id, key_id)) WITHOUT ROWID;

CREATE TABLE digest(
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  component TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY(run_id, component)) WITHOUT ROWID;

-- The summary of the points that show, so that lists never touch points.
CREATE TABLE series(
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  key_id INTEGER NOT NULL REFERENCES key,
  n INTEGER NOT NULL, n_nan INTEGER NOT NULL, sum REAL,
  first REAL, first_step INTEGER, last REAL, last_step INTEGER,
  min REAL, min_step INTEGER, max REAL, max_step INTEGER,
  checksum INTEGER NOT NULL DEFAULT 0,
  UNIQUE(run_id, key_id));

-- The points of a series in the order they were logged, packed (store/chunk.h): a row per point
-- costs ten times the processor time and three times the bytes.
CREATE TABLE chunk(
  id INTEGER PRIMARY KEY,
  series_id INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  n INTEGER NOT NULL,
  data BLOB NOT NULL,
  checksum INTEGER NOT NULL);
CREATE INDEX chunk_series ON chunk(series_id);

CREATE TABLE event(
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  step INTEGER NOT NULL,
  level TEXT NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX event_run ON event(run_id);

CREATE TABLE sample(
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  step INTEGER NOT NULL,
  prompt TEXT NOT NULL REFERENCES blob,
  text TEXT NOT NULL REFERENCES blob);
CREATE INDEX sample_run ON sample(run_id);

CREATE TABLE artifact(
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  role TEXT NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL,
  digest TEXT NOT NULL,                  -- empty: not computed
  bytes INTEGER NOT NULL,
  UNIQUE(run_id, role, path));

-- Content by digest; data is NULL for the large ones, which are files (store/blob.h).
CREATE TABLE blob(sha256 TEXT PRIMARY KEY, bytes INTEGER NOT NULL, data BLOB);
)sql";

// The digest distinguishes folders that were named by the same text with different values of an
// environment variable.
constexpr const char* kVersion2 = R"sql(
ALTER TABLE run ADD COLUMN output_dir_sha256 TEXT NOT NULL DEFAULT '';  -- of the expanded path
)sql";

constexpr std::array kScripts{kVersion1, kVersion2};

// Makes a consistent copy, even while other processes write.
void back_up(Database& database, const std::string& path, std::int64_t version) {
  const std::string copy = fmt::format("{}.bak-v{}", path, version);
  if (path_exists(copy)) return;
  const std::string partial = copy + ".tmp";
  ::unlink(partial.c_str());
  database.run("VACUUM INTO ?", partial);
  ::chmod(partial.c_str(), 0600);
  rename_durably(partial, copy);
}

}  // namespace

std::span<const char* const> schema_scripts() {
  return kScripts;
}

SchemaState schema_state(Database& database, std::span<const char* const> scripts) {
  const std::int64_t application = database.integer("PRAGMA application_id");
  const std::int64_t version = database.integer("PRAGMA user_version");
  if (application == 0 && version == 0 &&
      database.integer("SELECT count(*) FROM sqlite_schema") == 0) {
    return SchemaState::kEmpty;
  }
  if (application != kApplicationId || version < 1) {
    Statement files = database.prepare("PRAGMA database_list");
    const std::string path = files.step() ? files.text(2) : "";
    if (application != kFirstFormat) throw damaged("this database is not an llmops store").at(path);
    throw damaged("the store has the format of an early llmops, which is no longer read")
        .at(path)
        .hint("move it away, or choose another with --store");
  }
  const auto current = static_cast<std::int64_t>(scripts.size());
  if (version > current) return SchemaState::kNewer;
  return version < current ? SchemaState::kOlder : SchemaState::kCurrent;
}

void migrate(Database& database, const std::string& path, std::span<const char* const> scripts) {
  if (schema_state(database, scripts) == SchemaState::kOlder) {
    back_up(database, path, database.integer("PRAGMA user_version"));
  }
  Transaction transaction(database, Transaction::Kind::kExclusive);
  const SchemaState state = schema_state(database, scripts);
  if (state == SchemaState::kCurrent || state == SchemaState::kNewer) return;
  for (auto version = static_cast<std::size_t>(database.integer("PRAGMA user_version"));
       version < scripts.size(); ++version) {
    database.execute(scripts[version]);
    database.run("INSERT INTO migration(version, applied_ms, tool_version) VALUES(?, ?, ?)",
                 version + 1, wall_clock_ms(), llmops::version());
  }
  database.execute("PRAGMA application_id=" + std::to_string(kApplicationId));
  database.execute("PRAGMA user_version=" + std::to_string(scripts.size()));
  transaction.commit();
}

}  // namespace llmops::store
