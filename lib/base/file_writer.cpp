#include <fcntl.h>
#include <sys/stat.h>

#include "base/file_descriptor.h"

namespace llmops {

using detail::pass;
using detail::retry;

namespace {
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

void write_whole(int fd, std::string_view bytes, const std::string& path) {
  pass("file.write", "cannot write", path);
  while (!bytes.empty()) {
    const ssize_t count = retry([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (count < 0) throw system_error("cannot write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}
}  // namespace

FileWriter::FileWriter(const std::string& path, int mode) : path_(path) {
  pass("file.create", "cannot create", path_);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  fd_ = retry([&] { return ::open(path_.c_str(), kFlags, mode); });
  if (fd_ < 0) throw system_error("cannot create", path_, errno);
}

FileWriter::~FileWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(path_.c_str());
}

void FileWriter::write(std::string_view bytes) {
  LLMOPS_CHECK(fd_ >= 0, "the file is closed");
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() > kBufferBytes) {
    write_whole(fd_, bytes, path_);
  } else {
    buffer_ += bytes;
  }
  size_ += bytes.size();
}

void FileWriter::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void FileWriter::flush() {
  if (buffer_.empty()) return;
  write_whole(fd_, buffer_, path_);
  buffer_.clear();
}

void FileWriter::close() {
  LLMOPS_CHECK(fd_ >= 0, "the file is closed");
  flush();
  pass("file.sync", "cannot sync", path_);
  // Never retried: after a failed fsync the kernel may have dropped the dirty pages, and a second
  // one reports success.
  if (::fsync(fd_) != 0) throw system_error("cannot sync", path_, errno);
  if (::close(std::exchange(fd_, -1)) != 0) {
    const int error = errno;
    ::unlink(path_.c_str());
    throw system_error("cannot close", path_, error);
  }
}

}  // namespace llmops
