#include "store/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "store/schema.h"

namespace llmops::store {

namespace {

constexpr int kWriterWaitMs = 10'000;
constexpr int kReaderWaitMs = 5'000;
constexpr std::string_view kRemedy = "choose another with --store, or run with --no-record";

// Whether the file system is shared by several hosts, or does not share memory between processes: a
// write-ahead log needs one host and shared memory (statfs(2), linux/magic.h).
bool is_network_file_system(const std::string& folder) {
  constexpr std::array<std::uint32_t, 13> kMagic{0x6969,       // NFS
                                                 0x517b,       // SMB
                                                 0xfe534d42,   // SMB 2
                                                 0xff534d42,   // CIFS
                                                 0x0bd00bd0,   // Lustre
                                                 0x47504653,   // GPFS
                                                 0x00c36400,   // Ceph
                                                 0x19830326,   // BeeGFS
                                                 0x65735546,   // FUSE: sshfs, WekaFS, virtiofs
                                                 0x01021997,   // 9p
                                                 0x5346414f,   // AFS
                                                 0x01161970,   // GFS2
                                                 0x7461636f};  // OCFS2
  struct statfs status {};
  if (::statfs(folder.c_str(), &status) != 0) return false;
  return std::ranges::find(kMagic, static_cast<std::uint32_t>(status.f_type)) != kMagic.end();
}

std::string real_path(const std::string& folder) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(folder.c_str(), nullptr),
                                                         &std::free);
  if (!real) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    throw system_error("cannot open store", folder, errno,
                       missing ? ExitCode::kNotFound : ExitCode::kStorage);
  }
  return real.get();
}

// Creates a file that is private from the start, whatever the umask. O_EXCL: an existing file must
// not be opened here, because closing it would drop the locks of this process.
void create_private_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 && errno == EEXIST) return;
  if (fd < 0) throw system_error("cannot create store", path, errno);
  ::fchmod(fd, 0600);
  ::close(fd);
  sync_directory(parent_path(path));
  // A .llmops folder may exist already for the token cache, with other permissions. Any other
  // folder keeps the permissions that its owner gave it.
  const std::string folder = parent_path(path);
  if (base_name(folder) == ".llmops") ::chmod(folder.c_str(), 0700);
}

// Returns device and inode; an empty text when there is no such file.
std::string inode_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return "";
  return fmt::format("{}:{}", status.st_dev, status.st_ino);
}

std::string log_of(const std::string& path) {
  return path + "-wal";
}

std::string journal_mode(Database& database) {
  Statement statement = database.prepare("PRAGMA journal_mode");
  return statement.step() ? statement.text(0) : "";
}

FileLock lock_store(const std::string& folder) {
  auto lock = FileLock::acquire(join_path(folder, "lock"), kWriterWaitMs);
  if (lock) return std::move(*lock);
  throw Error(ExitCode::kBusy, fmt::format("{}: another process maintains the store", folder));
}

}  // namespace

Store::Store(std::string folder, Database database)
    : folder_(std::move(folder)), database_(std::move(database)) {}

Store Store::open_to_write(const std::string& folder) {
  make_directories(folder);
  const std::string real = real_path(folder);
  const std::string path = join_path(real, kDatabaseName);
  create_private_file(path);
  if (::access(path.c_str(), W_OK) != 0 || ::access(real.c_str(), W_OK) != 0) {
    throw system_error("cannot write to store", real, errno).hint(kRemedy);
  }
  Store store(real, Database(path, Database::Mode::kWrite, kWriterWaitMs));
  Database& database = store.database_;
  SchemaState state = schema_state(database, schema_scripts());
  if (state == SchemaState::kNewer) {
    throw damaged("{}: made by a newer llmops, so it can be read but not written", path)
        .hint("update llmops, or choose another with --store");
  }
  const std::string wanted = is_network_file_system(real) ? "delete" : "wal";
  store.uses_log_ = wanted == "wal";
  if (state != SchemaState::kCurrent || journal_mode(database) != wanted) {
    const FileLock lock = lock_store(real);
    database.execute("PRAGMA journal_mode=" + wanted);
    migrate(database, path, schema_scripts());
  }
  store.set_durable(false);
  store.file_ = inode_of(path);
  if (store.uses_log_) store.log_ = inode_of(log_of(path));
  return store;
}

void Store::require_in_place() const {
  const std::string path = join_path(folder_, kDatabaseName);
  const bool moved = inode_of(path) != file_;
  if (!moved && (log_.empty() || inode_of(log_of(path)) == log_)) return;
  throw Error(ExitCode::kStorage, "the file was deleted, moved or replaced while it was in use")
      .at(moved ? path : log_of(path))
      .hint("put it back");
}

void Store::require_writable(const std::string& folder) {
  if (path_exists(join_path(folder, kDatabaseName))) {
    open_to_write(folder);
    return;
  }
  try {
    require_writable_folder(folder);
  } catch (Error& error) {
    throw error.hint(kRemedy);
  }
}

Store Store::open_to_read(const std::string& folder) {
  const std::string real = real_path(folder);
  const std::string path = join_path(real, kDatabaseName);
  // Only the file in a folder that is not writable: a log cannot be created, so nobody can be
  // writing.
  const bool sealed = ::access(real.c_str(), W_OK) != 0 && !path_exists(log_of(path));
  Store store(real, Database(path, sealed ? Database::Mode::kImmutable : Database::Mode::kRead,
                             kReaderWaitMs));
  switch (schema_state(store.database_, schema_scripts())) {
    case SchemaState::kEmpty:
      throw Error(ExitCode::kNotFound, fmt::format("{}: the store is empty", path))
          .hint("the first `llmops train` fills it");
    case SchemaState::kOlder:
      open_to_write(real);  // migrates
      return open_to_read(real);
    case SchemaState::kNewer:
      store.is_newer_ = true;
      break;
    case SchemaState::kCurrent:
      break;
  }
  return store;
}

void Store::merge_log_beyond(std::uint64_t bytes, int wait_ms) {
  if (!uses_log_) return;
  struct stat status {};
  const std::string log = log_of(join_path(folder_, kDatabaseName));
  if (::stat(log.c_str(), &status) != 0) return;
  if (static_cast<std::uint64_t>(status.st_size) <= bytes) return;
  const auto lock = FileLock::acquire(join_path(folder_, "lock"), wait_ms);
  if (lock) database_.merge_log(wait_ms);
}

void Store::set_durable(bool durable) {
  database_.execute(durable || !uses_log_ ? "PRAGMA synchronous=FULL"
                                          : "PRAGMA synchronous=NORMAL");
}

}  // namespace llmops::store
