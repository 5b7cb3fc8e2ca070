#include <fcntl.h>
#include <sys/file.h>

#include <chrono>
#include <thread>

#include "base/file_descriptor.h"
#include "base/time.h"

namespace llmops {

std::optional<FileLock> FileLock::acquire(const std::string& path, int wait_ms) {
  const int access = is_directory(path) ? O_RDONLY | O_DIRECTORY : O_RDWR | O_CREAT | O_NOFOLLOW;
  detail::Descriptor file(
      detail::retry([&] { return ::open(path.c_str(), access | O_CLOEXEC, 0666); }));
  if (file.get() < 0) throw system_error("cannot lock", path, errno);
  const double deadline = monotonic_seconds() + 1e-3 * wait_ms;
  // Polled, because a blocking flock() has no time limit.
  while (detail::retry([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) throw system_error("cannot lock", path, errno);
    if (monotonic_seconds() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return FileLock(file.release());
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

}  // namespace llmops
