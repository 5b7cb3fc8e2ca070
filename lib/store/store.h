#pragma once

#include <string>

#include "store/sqlite.h"

namespace llmops::store {

inline constexpr const char* kDatabaseName = "store.db";

// An open store: FOLDER/store.db, FOLDER/blobs and FOLDER/lock. One thread at a time; every thread
// or process opens its own. Any number of processes may write.
class Store {
 public:
  // Creates what is missing (folder 0700, file 0600) and migrates an older file. Throws
  // Error(kDamaged) for a file that is not a store or of a newer llmops, kStorage for a place that
  // cannot be written.
  static Store open_to_write(const std::string& folder);
  // Throws what open_to_write() would, but creates nothing.
  static void require_writable(const std::string& folder);
  // Creates nothing and changes nothing, but for migrating an older file. Also works without the
  // right to write, and on newer stores.
  static Store open_to_read(const std::string& folder);

  Database& database() { return database_; }
  const std::string& folder() const { return folder_; }
  // Made by a newer llmops: what is shown may lack its new columns.
  bool is_newer() const { return is_newer_; }

  // Empties the write-ahead log into the file when it has grown beyond `bytes`; not now when others
  // are at it. One process at a time, under a file lock: SQLite before 3.51.3 may lose pages when a
  // log is restarted while another connection merges it.
  void merge_log_beyond(std::uint64_t bytes, int wait_ms = 0);

  // Throws Error(kStorage) when the file or its log is no longer where it was opened: what is
  // written now would be lost.
  void require_in_place() const;

  // The next commit reaches the disk before it returns (true), or at the next merge (false).
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
