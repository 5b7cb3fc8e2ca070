#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "base/file_descriptor.h"

namespace llmops {

using detail::Descriptor;
using detail::pass;
using detail::retry;

int detail::open_regular(const std::string& path, ExitCode code, std::uint64_t& size) {
  if (path.find('\0') != std::string::npos) throw Error(code, "a path contains a NUL byte");
  Descriptor file(retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  if (file.get() < 0) throw system_error("cannot read", path, errno, code);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw system_error("cannot read", path, errno, code);
  if (!S_ISREG(status.st_mode)) {
    throw Error(code,
                fmt::format("cannot read {}: {}", path,
                            S_ISDIR(status.st_mode) ? "it is a directory" : "not a regular file"));
  }
  size = static_cast<std::uint64_t>(status.st_size);
  return file.release();
}

bool path_exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string join_path(std::string_view directory, std::string_view name) {
  if (name.starts_with('/') || directory.empty()) return std::string(name);
  std::string path(directory);
  if (!path.ends_with('/')) path += '/';
  return path += name;
}

std::string parent_path(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<std::size_t>(slash, 1)));
}

std::string base_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos || path == "/" ? path
                                                                    : path.substr(slash + 1));
}

std::string absolute_path(const std::string& path) {
  std::filesystem::path whole(path);
  if (!path.starts_with('/')) {
    std::error_code error;
    const std::filesystem::path here = std::filesystem::current_path(error);
    if (error) throw system_error("cannot find", "the working directory", error.value());
    whole = here / whole;
  }
  std::string text = whole.lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

bool is_same_file(const std::string& one, const std::string& other) {
  struct stat a {
  }, b{};
  return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

std::string read_file(const std::string& path, std::size_t max_bytes, ExitCode code) {
  std::uint64_t size = 0;
  const Descriptor file(detail::open_regular(path, code, size));
  const auto refuse_size = [&] {
    return Error(code, fmt::format("cannot read {}: larger than {} bytes", path, max_bytes));
  };
  if (size > max_bytes) throw refuse_size();
  // One byte more than the size: the read that fills the buffer then also finds the end. A file of
  // /proc has size 0 and grows the buffer.
  std::string content(static_cast<std::size_t>(size) + 1, '\0');
  std::size_t filled = 0;
  for (;;) {
    if (filled == content.size()) content.resize(std::max<std::size_t>(4096, 2 * filled));
    const ssize_t count =
        retry([&] { return ::read(file.get(), content.data() + filled, content.size() - filled); });
    if (count < 0) throw system_error("cannot read", path, errno, code);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
    if (filled > max_bytes) throw refuse_size();
  }
  content.resize(filled);
  return content;
}

RandomAccessFile::RandomAccessFile(std::string path)
    : path_(std::move(path)), fd_(detail::open_regular(path_, ExitCode::kUsage, size_)) {}

RandomAccessFile::~RandomAccessFile() {
  ::close(fd_);
}

bool RandomAccessFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t count =
        retry([&] { return ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset)); });
    if (count < 0) throw system_error("cannot read", path_, errno);
    if (count == 0) return false;
    out = out.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return true;
}

void make_directories(const std::string& path) {
  if (is_directory(path)) return;
  const std::string parent = parent_path(path);
  if (parent != path) make_directories(parent);
  pass("file.mkdir", "cannot create directory", path);
  if (::mkdir(path.c_str(), 0777) != 0 && !(errno == EEXIST && is_directory(path))) {
    throw system_error("cannot create directory", path, errno);
  }
}

std::string nearest_existing(std::string path) {
  while (!path_exists(path) && parent_path(path) != path) path = parent_path(path);
  return path;
}

void require_writable_folder(const std::string& path) {
  const std::string existing = nearest_existing(path);
  if (!is_directory(existing)) throw system_error("cannot write to", existing, ENOTDIR);
  if (::access(existing.c_str(), W_OK | X_OK) != 0) {
    throw system_error("cannot write to", existing, errno);
  }
}

std::vector<std::string> list_directory(const std::string& path, ExitCode code) {
  struct Close {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  const std::unique_ptr<DIR, Close> directory(::opendir(path.c_str()));
  if (!directory) throw system_error("cannot list", path, errno, code);
  std::vector<std::string> names;
  for (errno = 0; const dirent* entry = ::readdir(directory.get()); errno = 0) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw system_error("cannot list", path, errno);
  std::sort(names.begin(), names.end());
  return names;
}

void remove_all(const std::string& path) {
  pass("file.remove", "cannot remove", path);
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) throw system_error("cannot remove", path, error.value());
}

std::uint64_t free_bytes(const std::string& path) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) throw system_error("cannot examine", path, errno);
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

namespace {

struct stat status_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw system_error("cannot read", path, errno, ExitCode::kUsage);
  }
  return status;
}

}  // namespace

std::string file_stamp(const std::string& path) {
  const struct stat status = status_of(path);
  return fmt::format("{}:{}:{}:{}.{:09}:{}.{:09}", status.st_dev, status.st_ino, status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                     status.st_ctim.tv_nsec);
}

bool stamp_is_final(const std::string& path) {
  const timespec changed = status_of(path).st_ctim;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t age_ms =
      (now.tv_sec - changed.tv_sec) * 1000 + (now.tv_nsec - changed.tv_nsec) / 1'000'000;
  // Linux uses the time of its last tick; ticks are at most 10 ms apart. A time in whole
  // milliseconds comes from a file system with coarser steps, up to the 2 s of FAT.
  return age_ms > (changed.tv_nsec % 1'000'000 == 0 ? 2000 : 50);
}

void sync_directory(const std::string& path) {
  pass("file.sync_directory", "cannot sync", path);
  const Descriptor directory(
      retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (directory.get() < 0) throw system_error("cannot open directory", path, errno);
  // Some network file systems cannot sync a directory and return EINVAL.
  if (::fsync(directory.get()) != 0 && errno != EINVAL) {
    throw system_error("cannot sync", path, errno);
  }
}

void rename_durably(const std::string& from, const std::string& to) {
  pass("file.rename", "cannot publish", to);
  if (::rename(from.c_str(), to.c_str()) != 0) throw system_error("cannot publish", to, errno);
  sync_directory(parent_path(to));
}

void write_file_durably(const std::string& path, std::string_view content) {
  const std::string temporary = fmt::format("{}.tmp.{}", path, ::getpid());
  ::unlink(temporary.c_str());  // left by a killed process that had the same pid
  {
    FileWriter writer(temporary);
    writer.write(content);
    writer.close();
  }
  try {
    rename_durably(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

}  // namespace llmops
