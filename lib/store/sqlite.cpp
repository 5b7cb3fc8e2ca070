#include "store/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/secrets.h"
#include "base/text.h"

namespace llmops::store {

namespace {

// SQLite only reports that it cannot open a file; errno has the reason.
ExitCode class_of_open(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ExitCode::kNotFound;
    case EISDIR:
    case ELOOP:
      return ExitCode::kDamaged;
    default:
      return ExitCode::kStorage;
  }
}

ExitCode class_of(int result, int system_error) {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ExitCode::kBusy;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ExitCode::kStorage;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_TOOBIG:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR:  // a table or column that should be there is not
      return ExitCode::kDamaged;
    case SQLITE_CANTOPEN:
      return class_of_open(system_error);
    case SQLITE_NOMEM:
      return ExitCode::kOutOfMemory;
    default:
      return ExitCode::kFailed;
  }
}

[[noreturn]] void fail(sqlite3* database, int result) {
  const char* path = sqlite3_db_filename(database, "main");
  const ExitCode code = class_of(result, sqlite3_system_errno(database));
  Error error(code, sqlite3_errmsg(database));
  switch (code) {
    case ExitCode::kBusy:
      error.hint("another process holds the store; try again");
      break;
    case ExitCode::kDamaged:
      error.hint("the file is damaged or not a store; restore a backup");
      break;
    default:
      break;
  }
  throw error.at(path != nullptr && *path != '\0' ? path : "store");
}

void check(sqlite3* database, int result) {
  if (result != SQLITE_OK) fail(database, result);
}

// Returns a path as a URI; escapes the characters that have a meaning there.
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

std::string valid(std::string_view text) {
  return invalid_utf8(text) ? printable(text, true) : std::string(text);
}

}  // namespace

std::string storable(std::string_view text) {
  return redact(valid(text));
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::bind_all(std::span<const std::string> values) {
  reset();
  int index = 0;
  for (const std::string& value : values) bind_text(++index, value);
  return *this;
}

bool Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  sqlite3* database = sqlite3_db_handle(statement_.get());
  fail(database, sqlite3_extended_errcode(database));
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

// The result is ignored: it repeats the error of the last step, which step() has thrown.
void Statement::reset() {
  sqlite3_reset(statement_.get());
}

void Statement::bind_null(int index) {
  check(sqlite3_db_handle(statement_.get()), sqlite3_bind_null(statement_.get(), index));
}
void Statement::bind_integer(int index, std::int64_t value) {
  check(sqlite3_db_handle(statement_.get()), sqlite3_bind_int64(statement_.get(), index, value));
}
void Statement::bind_real(int index, double value) {  // SQLite turns NaN into NULL
  check(sqlite3_db_handle(statement_.get()), sqlite3_bind_double(statement_.get(), index, value));
}
void Statement::bind_text(int index, std::string_view text) {
  const std::string value = storable(text);
  check(sqlite3_db_handle(statement_.get()),
        sqlite3_bind_text64(statement_.get(), index, value.data(), value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
}
void Statement::bind_blob(int index, std::string_view value) {
  const char* data = value.data() != nullptr ? value.data() : "";
  check(sqlite3_db_handle(statement_.get()),
        sqlite3_bind_blob64(statement_.get(), index, data, value.size(), SQLITE_TRANSIENT));
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
double Statement::real(int column) const {
  return is_null(column) ? std::nan("") : sqlite3_column_double(statement_.get(), column);
}
std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (data == nullptr) return {};
  const std::string_view text(
      data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)));
  return valid(text);
}
std::string_view Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}
std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

void Database::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Database::Database(const std::string& path, Mode mode, int busy_timeout_ms)
    : busy_timeout_ms_(busy_timeout_ms) {
  const bool immutable = mode == Mode::kImmutable;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE |
                    (immutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI : SQLITE_OPEN_READWRITE);
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(immutable ? immutable_uri(path).c_str() : path.c_str(),
                                     &handle, flags, nullptr);
  database_.reset(handle);
  if (handle == nullptr) throw Error(ExitCode::kOutOfMemory, "no memory to open the store");
  if (result != SQLITE_OK) {
    // A link is refused before the system is asked.
    const int error = result == SQLITE_CANTOPEN_SYMLINK ? ELOOP : sqlite3_system_errno(handle);
    throw Error(class_of(result, error),
                fmt::format("cannot open {}: {}", path,
                            error != 0 ? std::strerror(error) : sqlite3_errmsg(handle)));
  }
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  // The file may come from anywhere: nothing in its schema may run, and no value may be huge.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  // Only merge_log() merges the log, not the connection that happens to close last.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, 256 << 20);
  // No mmap: on a network file system it could end in SIGBUS.
  execute("PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY");
  if (mode == Mode::kWrite) {
    execute("PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-16384");
  } else {
    execute("PRAGMA query_only=ON");
  }
}

Statement Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  check(database_.get(), sqlite3_prepare_v2(database_.get(), sql.data(),
                                            static_cast<int>(sql.size()), &statement, nullptr));
  return Statement(statement);
}

void Database::execute(const std::string& sql) {
  const int result = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) fail(database_.get(), sqlite3_extended_errcode(database_.get()));
}

std::int64_t Database::integer(std::string_view sql) {
  Statement statement = prepare(sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::int64_t Database::last_id() const {
  return sqlite3_last_insert_rowid(database_.get());
}
bool Database::in_transaction() const {
  return sqlite3_get_autocommit(database_.get()) == 0;
}

void Database::set_busy_timeout(int ms) {
  busy_timeout_ms_ = ms;
  sqlite3_busy_timeout(database_.get(), ms);
}

Database::Merge Database::merge_log(int wait_ms) {
  sqlite3_busy_timeout(database_.get(), wait_ms);
  const int result = sqlite3_wal_checkpoint_v2(database_.get(), "main", SQLITE_CHECKPOINT_TRUNCATE,
                                               nullptr, nullptr);
  sqlite3_busy_timeout(database_.get(), busy_timeout_ms_);
  if (class_of(result, 0) == ExitCode::kBusy) return Merge::kBusy;
  check(database_.get(), result);
  return Merge::kDone;
}

Transaction::Transaction(Database& database, Kind kind) : database_(&database) {
  switch (kind) {
    case Kind::kImmediate:
      database_->execute("BEGIN IMMEDIATE");
      break;
    case Kind::kExclusive:
      database_->execute("BEGIN EXCLUSIVE");
      break;
    case Kind::kRead:
      database_->execute("BEGIN");
      break;
  }
}

// SQLite has rolled back by itself after a full disk or an I/O error.
Transaction::~Transaction() {
  if (database_ == nullptr || !database_->in_transaction()) return;
  try {
    database_->execute("ROLLBACK");
  } catch (const Error&) {  // the connection is lost, and the transaction with it
  }
}

void Transaction::commit() {
  database_->execute("COMMIT");
  database_ = nullptr;
}

}  // namespace llmops::store
