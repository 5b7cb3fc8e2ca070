#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/exit_code.h"

namespace llmops {

// All durable file access goes through here, so that faults can be injected in one place. Paths
// are UTF-8 bytes. Every function throws Error (kStorage for write failures, kUsage or the given
// code for unreadable input) and never leaves a half-written file under its final name.

// A named point where a test can disturb the process (fault_point.cpp).
// LLMOPS_FAULT="name:k:action" acts the k-th time the process passes the point ("k+": from the k-th
// time on). The name "*" counts every point, so a loop over k visits each write, sync and rename of
// a program. Commas separate several faults. Actions: kill and the signals term, int, hup and usr1,
// which the process sends to itself; the errors enospc, eio, edquot, erofs and emfile; nan, at
// points that numbers pass. Returns the errno to inject, kNotFiniteFault for nan, 0 for no fault;
// kill does not return. Costs one branch when the variable is unset.
inline constexpr int kNotFiniteFault = -1;
int fault_point(const char* name);
// Sets the faults of this process in place of LLMOPS_FAULT; "" removes them.
void arm_fault(std::string_view specification);

bool path_exists(const std::string& path);
bool is_directory(const std::string& path);
std::string join_path(std::string_view directory, std::string_view name);
std::string parent_path(std::string_view path);  // "." when there is none
std::string base_name(std::string_view path);
std::string absolute_path(const std::string& path);  // lexical, against the working directory
// Whether both paths lead to the same existing file or folder; links are followed.
bool is_same_file(const std::string& one, const std::string& other);

// Returns the whole content of a regular file. Throws Error(`code`) when it is missing, unreadable,
// larger than max_bytes, or a directory, FIFO or device.
std::string read_file(const std::string& path, std::size_t max_bytes = std::size_t{1} << 40,
                      ExitCode code = ExitCode::kUsage);

void make_directories(const std::string& path);
// Returns the path if it exists, else the nearest folder above it that does.
std::string nearest_existing(std::string path);
// Throws Error(kStorage) when the folder, or the nearest existing one above it, is not writable:
// the error that make_directories() and a write there would throw, found without changing anything.
void require_writable_folder(const std::string& path);
// Returns the names of the entries, sorted bytewise, without "." and "..". Throws Error(`code`)
// when the directory is missing or unreadable.
std::vector<std::string> list_directory(const std::string& path, ExitCode code = ExitCode::kUsage);
void remove_all(const std::string& path);
std::uint64_t free_bytes(const std::string& path);  // for an unprivileged writer
// Returns device, inode, size, mtime and ctime as one text, to check later that a file is still the
// one that was read. A program can set an mtime back, but not a ctime.
std::string file_stamp(const std::string& path);
// Whether every later change of the file gives it another stamp. False for a file that has just
// changed: file systems count time in steps, and two changes within one step have the same stamp.
bool stamp_is_final(const std::string& path);

void sync_directory(const std::string& path);
// Renames and syncs the directory of `to`; replaces an existing file at once.
void rename_durably(const std::string& from, const std::string& to);
// Publishes content under path: writes a temporary file in the same folder, syncs it, renames it
// and syncs the folder.
void write_file_durably(const std::string& path, std::string_view content);

// A new file, written sequentially and made durable by close(), which checks fsync and never
// retries it (file_writer.cpp). The destructor removes a file that was not closed.
class FileWriter {
 public:
  explicit FileWriter(const std::string& path, int mode = 0644);  // O_EXCL | O_CLOEXEC
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(std::string_view bytes);
  void write(std::span<const std::byte> bytes);
  std::uint64_t size() const { return size_; }
  void close();  // flush, fsync, close

 private:
  std::string path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::string buffer_;
  void flush();
};

// A regular file, open for reading at any offset, from any thread. It still reads the file that it
// opened after that was deleted or replaced. Not a mapping: if another process cuts a mapped file,
// reading it ends this process (SIGBUS).
class RandomAccessFile {
 public:
  explicit RandomAccessFile(std::string path);
  ~RandomAccessFile();
  RandomAccessFile(const RandomAccessFile&) = delete;
  RandomAccessFile& operator=(const RandomAccessFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }  // when it was opened
  // Fills `out` from this offset. False when the file ends before `out` is full.
  bool read(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::string path_;
  std::uint64_t size_ = 0;
  int fd_ = -1;
};

// An advisory lock (flock) on a directory, or on a file, which is created if it is missing. The
// destructor or the end of the process releases it (file_lock.cpp).
class FileLock {
 public:
  // Returns nothing when another process still holds it after wait_ms.
  static std::optional<FileLock> acquire(const std::string& path, int wait_ms = 0);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace llmops
