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

// A named point where a test may disturb the process: LLMOPS_FAULT="name:k:action" acts on the k-th
// passing of the point ("k+": on all from the k-th); name "*" counts every point, so a loop over k
// visits each write, sync and rename of a program; several faults are separated by commas. Actions:
// kill and the signals term, int, hup and usr1, which the process sends to itself; the errors
// enospc, eio, edquot, erofs and emfile; nan, where numbers pass. Costs one branch when the
// variable is unset. Returns the errno to inject, kNotFiniteFault for nan, 0 for none; not for
// kill.
inline constexpr int kNotFiniteFault = -1;
int fault_point(const char* name);
// The same from within a process; "" disarms.
void arm_fault(std::string_view specification);

bool path_exists(const std::string& path);
bool is_directory(const std::string& path);
std::string join_path(std::string_view directory, std::string_view name);
std::string parent_path(std::string_view path);  // "." when there is none
std::string base_name(std::string_view path);
std::string absolute_path(const std::string& path);  // lexical, against the working directory
// Whether both paths lead to the same existing file or folder, over links too.
bool is_same_file(const std::string& one, const std::string& other);

// The whole content of a regular file; refuses directories, FIFOs and devices, and files larger
// than max_bytes. Missing or unreadable: `code`.
std::string read_file(const std::string& path, std::size_t max_bytes = std::size_t{1} << 40,
                      ExitCode code = ExitCode::kUsage);

void make_directories(const std::string& path);
// The path, or the first of the folders above it that exists.
std::string nearest_existing(std::string path);
// Throws Error(kStorage) when the folder, or the nearest existing one above it, cannot be written:
// what make_directories() and writing there would meet, found without changing anything.
void require_writable_folder(const std::string& path);
// Names of the entries, sorted bytewise, without "." and "..". Missing or unreadable: `code`.
std::vector<std::string> list_directory(const std::string& path, ExitCode code = ExitCode::kUsage);
void remove_all(const std::string& path);
std::uint64_t free_bytes(const std::string& path);  // for an unprivileged writer
// Device, inode, size, mtime and ctime: shows whether a file is still the one that was read. An
// mtime can be set back, a ctime cannot.
std::string file_stamp(const std::string& path);
// Whether every later change of the file gives it another stamp. False for a file that was changed
// just now: file systems count time in steps, and two changes within one look the same.
bool stamp_is_final(const std::string& path);

void sync_directory(const std::string& path);
// Renames and syncs the directory of `to`; replaces an existing file at once.
void rename_durably(const std::string& from, const std::string& to);
// Publishes content under path: temporary name beside it, write, fsync, rename, fsync directory.
void write_file_durably(const std::string& path, std::string_view content);

// A new file written sequentially and made durable by close(): fsync is checked, never retried. A
// file that was not closed is removed by the destructor.
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

// A regular file, open for reading at any place, from any thread. It keeps the file that it opened
// when that is deleted or replaced. Not a mapping: one that is cut ends the process.
class RandomAccessFile {
 public:
  explicit RandomAccessFile(std::string path);
  ~RandomAccessFile();
  RandomAccessFile(const RandomAccessFile&) = delete;
  RandomAccessFile& operator=(const RandomAccessFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }  // when it was opened
  // Fills `out` from that offset. False when the file ends before.
  bool read(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::string path_;
  std::uint64_t size_ = 0;
  int fd_ = -1;
};

// An advisory lock (flock) on a file that is created when missing, or on a directory; released by
// the destructor or by the end of the process.
class FileLock {
 public:
  // Nothing when another process holds it and wait_ms has passed.
  static std::optional<FileLock> acquire(const std::string& path, int wait_ms = 0);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace llmops
