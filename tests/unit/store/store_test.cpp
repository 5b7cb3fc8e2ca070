#include "store/store.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>

#include "store/blob.h"
#include "store/query.h"
#include "store/schema.h"
#include "tests/catch.h"
#include "tests/unit/store/records.h"

namespace llmops::store {
namespace {

int mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return static_cast<int>(status.st_mode & 0777);
}

ExitCode code_of_reading(const std::string& folder) {
  try {
    Store store = Store::open_to_read(folder);
    list_runs(store, {});
    return ExitCode::kOk;
  } catch (const Error& error) {
    return error.code();
  }
}

TEST_CASE("a new store is private, whatever the umask") {
  TemporaryDirectory folder;
  const mode_t old = ::umask(0);
  Store store = Store::open_to_write(folder.file(".llmops"));
  ::umask(old);
  add_run(store, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
  CHECK(mode_of(folder.file(".llmops")) == 0700);
  CHECK(mode_of(folder.file(".llmops/store.db")) == 0600);
  CHECK(mode_of(folder.file(".llmops/store.db-wal")) == 0600);
}

TEST_CASE("reading neither makes nor changes a store") {
  TemporaryDirectory folder;
  CHECK(code_of_reading(folder.file("none")) == ExitCode::kNotFound);
  CHECK_FALSE(path_exists(folder.file("none")));
  { Store store = Store::open_to_write(folder.path()); }
  Store store = Store::open_to_read(folder.path());
  CHECK_THROWS_AS(store.database().execute("INSERT INTO key(name) VALUES('x')"), Error);
}

TEST_CASE("files that are no store are damaged, exit 10") {
  TemporaryDirectory folder;
  SECTION("not a database") {
    write_file_durably(folder.file("store.db"), std::string(4096, 'x'));
    CHECK(code_of_reading(folder.path()) == ExitCode::kDamaged);
  }
  SECTION("another program's database") {
    write_file_durably(folder.file("store.db"), "");
    Database database(folder.file("store.db"), Database::Mode::kWrite, 0);
    database.execute("CREATE TABLE t(x)");
    CHECK(code_of_reading(folder.path()) == ExitCode::kDamaged);
  }
  SECTION("cut off") {
    {
      Store store = Store::open_to_write(folder.path());
      for (int i = 0; i < 200; ++i) add_run(store, fmt::format("01ARZ3NDEKTSV4RRFFQ69G{:04}", i));
      store.merge_log_beyond(0);
    }
    const std::string whole = read_file(folder.file("store.db"));
    write_file_durably(folder.file("store.db"), whole.substr(0, whole.size() / 2));
    CHECK(code_of_reading(folder.path()) == ExitCode::kDamaged);
  }
  SECTION("an empty file is an empty store") {
    write_file_durably(folder.file("store.db"), "");
    CHECK(code_of_reading(folder.path()) == ExitCode::kNotFound);
  }
}

TEST_CASE("every page damaged in turn is an error or harmless, never more") {
  TemporaryDirectory folder;
  {
    Store store = Store::open_to_write(folder.path());
    for (int i = 0; i < 50; ++i) add_run(store, fmt::format("01ARZ3NDEKTSV4RRFFQ69G{:04}", i));
    store.merge_log_beyond(0);
  }
  const std::string whole = read_file(folder.file("store.db"));
  for (std::size_t at = 0; at < whole.size(); at += 2048) {
    std::string damaged_file = whole;
    damaged_file.replace(at, 64, 64, '\xa5');
    remove_all(folder.file("store.db-wal"));
    remove_all(folder.file("store.db-shm"));
    write_file_durably(folder.file("store.db"), damaged_file);
    const ExitCode code = code_of_reading(folder.path());
    CAPTURE(at, name_of(code));
    CHECK((code == ExitCode::kOk || code == ExitCode::kDamaged));
  }
}

TEST_CASE("a store of a newer llmops is read and not written") {
  TemporaryDirectory folder;
  {
    Store store = Store::open_to_write(folder.path());
    add_run(store, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    store.database().execute("PRAGMA user_version=99");
  }
  Store store = Store::open_to_read(folder.path());
  CHECK(store.is_newer());
  CHECK(list_runs(store, {}).size() == 1);
  CHECK(error_text([&] { Store::open_to_write(folder.path()); }).find("newer llmops") !=
        std::string::npos);
}

TEST_CASE("an older store is copied, then migrated in one step") {
  TemporaryDirectory folder;
  const std::string path = folder.file("store.db");
  write_file_durably(path, "");
  Database database(path, Database::Mode::kWrite, 0);
  const std::array first{
      "CREATE TABLE migration(version, applied_ms, tool_version); "
      "CREATE TABLE t(a); INSERT INTO t VALUES(1)"};
  migrate(database, path, first);
  CHECK_FALSE(path_exists(path + ".bak-v1"));
  const std::array broken{first[0], "ALTER TABLE t ADD COLUMN b; SELECT no_such_function()"};
  CHECK_THROWS_AS(migrate(database, path, broken), Error);
  CHECK(database.integer("PRAGMA user_version") == 1);
  CHECK_THROWS_AS(database.execute("SELECT b FROM t"), Error);

  const std::array second{first[0], "ALTER TABLE t ADD COLUMN b DEFAULT 5"};
  migrate(database, path, second);
  migrate(database, path, second);
  CHECK(database.integer("SELECT a + b FROM t") == 6);
  CHECK(database.integer("SELECT count(*) FROM migration") == 2);
  Database copy(path + ".bak-v1", Database::Mode::kRead, 0);
  CHECK(copy.integer("PRAGMA user_version") == 1);
  CHECK(schema_state(copy, second) == SchemaState::kOlder);
}

// Runs `body` as a user without rights on the folder, in a process of its own.
template <typename Body>
bool as_nobody(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
    ::_exit(body() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

ExitCode code_of_opening(const std::string& path) {
  const auto error = error_of([&] { Database(path, Database::Mode::kRead, 0); });
  return error ? error->code() : ExitCode::kOk;
}

TEST_CASE("a file that cannot be opened ends with the status of the cause") {
  TemporaryDirectory folder;
  ::chmod(folder.path().c_str(), 0755);
  const std::string path = folder.file("store.db");
  CHECK(code_of_opening(path) == ExitCode::kNotFound);
  CHECK(code_of_opening(path + "/below") == ExitCode::kNotFound);
  { Store store = Store::open_to_write(folder.path()); }
  CHECK(code_of_opening(path) == ExitCode::kOk);
  CHECK(code_of_opening(path + "/below") == ExitCode::kNotFound);
  make_directories(folder.file("folder"));
  CHECK(code_of_opening(folder.file("folder")) == ExitCode::kDamaged);
  REQUIRE(::symlink("store.db", folder.file("link").c_str()) == 0);
  CHECK(code_of_opening(folder.file("link")) == ExitCode::kDamaged);
  ::chmod(path.c_str(), 0);
  CHECK(as_nobody([&] { return code_of_opening(path) == ExitCode::kStorage; }));
  CHECK(as_nobody([&] { return code_of_reading(folder.path()) == ExitCode::kStorage; }));
  ::chmod(path.c_str(), 0600);
  ::chmod(folder.path().c_str(), 0);
  CHECK(as_nobody([&] { return code_of_reading(folder.path()) == ExitCode::kStorage; }));
  ::chmod(folder.path().c_str(), 0755);
}

TEST_CASE("without a file descriptor left a store is a storage failure") {
  TemporaryDirectory folder;
  ::chmod(folder.path().c_str(), 0777);
  { Store store = Store::open_to_write(folder.path()); }
  ::chmod(folder.file("store.db").c_str(), 0666);
  CHECK(as_nobody([&] {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NOFILE, &none);
    return code_of_opening(folder.file("store.db")) == ExitCode::kStorage;
  }));
}

TEST_CASE("a store of the first format is refused") {
  TemporaryDirectory folder;
  Store store = Store::open_to_write(folder.path());
  store.database().execute("PRAGMA application_id=0x6c6c6d6f");
  for (const auto& open : {Store::open_to_read, Store::open_to_write}) {
    CHECK(
        error_text([&] { open(folder.path()); }) ==
        "damaged: " + folder.file("store.db") +
            ": the store has the format of an early llmops, which is no longer read; move it away, "
            "or choose another with --store");
  }
}

TEST_CASE("a read-only store is read, and refused for writing") {
  TemporaryDirectory folder;
  ::chmod(folder.path().c_str(), 0755);
  const std::string path = folder.file("shared");
  bool with_log = GENERATE(true, false);
  {
    Store store = Store::open_to_write(path);
    add_run(store, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    store.merge_log_beyond(0);
  }
  if (!with_log) {
    remove_all(path + "/store.db-wal");
    remove_all(path + "/store.db-shm");
  }
  for (const std::string& name : list_directory(path)) ::chmod(join_path(path, name).c_str(), 0444);
  ::chmod(path.c_str(), 0555);
  CHECK(as_nobody([&] {
    Store store = Store::open_to_read(path);
    return list_runs(store, {}).size() == 1;
  }));
  CHECK(as_nobody([&] {
    try {
      Store::open_to_write(path);
      return false;
    } catch (const Error& error) {
      return error.code() == ExitCode::kStorage;
    }
  }));
  ::chmod(path.c_str(), 0755);
}

TEST_CASE("blobs are kept once, by digest, and checked when read") {
  TemporaryDirectory folder;
  Store store = Store::open_to_write(folder.path());
  const std::string small = "a recipe", large(100'000, 'z');
  std::string small_digest, large_digest;
  {
    Transaction transaction(store.database());
    small_digest = put_blob(store, small);
    large_digest = put_blob(store, large);
    CHECK(put_blob(store, large) == large_digest);
    put_blob(store, "");
    transaction.commit();
  }
  CHECK(get_blob(store, small_digest) == small);
  CHECK(get_blob(store, large_digest) == large);
  CHECK(store.database().integer("SELECT count(*) FROM blob") == 3);
  const std::string file = folder.file("blobs/" + large_digest.substr(0, 2) + "/" + large_digest);
  CHECK(mode_of(file) == 0600);
  write_file_durably(file, std::string(100'000, 'y'));
  CHECK(error_text([&] { get_blob(store, large_digest); }).find("does not match") !=
        std::string::npos);
  CHECK(error_text([&] { get_blob(store, "../../etc/passwd"); }).find("not a digest") !=
        std::string::npos);
}

}  // namespace
}  // namespace llmops::store
