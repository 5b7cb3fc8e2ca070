#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/file.h"

// For sources that make system calls on descriptors.
namespace llmops::detail {

// Owns a descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// Repeats a call that a signal interrupted.
template <typename Call>
auto retry(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

// Throws the error that the named fault point injects.
inline void pass(const char* point, const char* doing, const std::string& path) {
  if (const int error = fault_point(point)) throw system_error(doing, path, error);
}

// Opens a regular file for reading. O_NONBLOCK: a FIFO must not wait for its writer.
int open_regular(const std::string& path, ExitCode code, std::uint64_t& size);

}  // namespace llmops::detail
