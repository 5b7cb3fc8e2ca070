#pragma once

#include <string>

#include "store/sqlite.h"

namespace llmops::store {

inline constexpr const char* kDatabaseName = "store.db";

// An open store: FOLDER/store.db, FOLDER/blobs and FOLDER/lock. One thread at a time; every thread
// or process opens its own. Any number of processes may write.
class Store {
 public:
  // Creates a missing folder (0700) or file (0600) and migrates an older file. Throws
  // Error(kDamaged) for a file that is not a store or is of a newer llmops, kStorage when it cannot
  // write.
  static Store open_to_write(const std::string& folder);
  // Throws the errors of open_to_write(), but creates nothing.
  static void require_writable(const std::string& folder);
  // Creates and changes nothing, except that it migrates an older file. Works without permission to
  // write, and on newer stores.
  static Store open_to_read(const std::string& folder);

  Database& database() { return database_; }
  const std::string& folder() const { return folder_; }
  // Whether a newer llmops made it. Its new columns are not read.
  bool is_newer() const { return is_newer_; }

  // Merges the write-ahead log into the file and empties it if it is larger than `bytes`. Does
  // nothing if another process still merges after wait_ms. A file lock allows one process at a
  // time: SQLite before 3.51.3 may lose pages when a log is restarted while another connection
  // merges it.
  void merge_log_beyond(std::uint64_t bytes, int wait_ms = 0);

  // Throws Error(kStorage) when the file or its log was moved, deleted or replaced since it was
  // opened: everything written after that would be lost.
  void require_in_place() const;

  // Sets whether a commit reaches the disk before it returns (true), or with the next merge
  // (false).
  void set_durable(bool durable);

 private:
  Store(std::string folder, Database database);

  std::string folder_;
  Database database_;
  bool uses_log_ = true;  // false on network file systems: a rollback journal
  bool is_newer_ = false;
  std::string file_, log_;  // device and inode of both when they were opened; empty: no log
};

}  // namespace llmops::store
