#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace llmops::store {

// Thin owners of SQLite's two handles; its header is included in sqlite.cpp only. Failures are
// thrown as Error: kBusy after the busy timeout, kStorage for a full or failing disk, kDamaged for
// a file that is broken or not a database, kNotFound when there is no file. A connection and its
// statements belong to one thread at a time.
//
// Text is valid UTF-8 on both sides: other bytes become \xNN when bound and when read. So a damaged
// or hostile store cannot put them on a terminal or into JSON.

struct Blob {
  std::string_view bytes;
};

class Statement {
 public:
  Statement() = default;

  // Starts again with these values for parameters 1, 2, …. nullptr, an empty optional and NaN bind
  // NULL.
  template <typename... Values>
  Statement& bind(const Values&... values) {
    reset();
    int index = 0;
    (bind_value(++index, values), ...);
    return *this;
  }
  Statement& bind_all(std::span<const std::string> values);
  bool step();  // true while there is a row
  void run();   // steps to the end and releases the read lock
  void reset();

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;            // NULL is NaN
  std::string text(int column) const;       // NULL is empty
  std::string_view blob(int column) const;  // valid until the next step
  std::optional<std::int64_t> optional_integer(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  template <typename T>
  void bind_value(int index, const T& value) {
    if constexpr (std::is_same_v<T, std::nullptr_t>) {
      bind_null(index);
    } else if constexpr (std::integral<T>) {
      bind_integer(index, static_cast<std::int64_t>(value));
    } else if constexpr (std::floating_point<T>) {
      bind_real(index, value);
    } else if constexpr (std::is_same_v<T, Blob>) {
      bind_blob(index, value.bytes);
    } else if constexpr (std::convertible_to<T, std::string_view>) {
      bind_text(index, value);
    } else {
      if (value) {
        bind_value(index, *value);
      } else {
        bind_null(index);
      }
    }
  }
  void bind_null(int index);
  void bind_integer(int index, std::int64_t value);
  void bind_real(int index, double value);
  void bind_text(int index, std::string_view value);
  void bind_blob(int index, std::string_view value);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// Returns text as it is stored: valid UTF-8, other bytes as \xNN, without credentials. Applied to
// all text that is bound; put_blob() redacts blobs.
std::string storable(std::string_view text);

class Database {
 public:
  enum class Mode {
    kWrite,      // the file exists already
    kRead,       // refuses every write; rolls back the transaction of a killed writer if permitted
    kImmutable,  // in a folder where the index of the log cannot be created
  };
  // The last component of the path must not be a symbolic link.
  Database(const std::string& path, Mode mode, int busy_timeout_ms);

  Statement prepare(std::string_view sql);  // one statement
  // Runs one statement with these values for its parameters.
  template <typename... Values>
  void run(std::string_view sql, const Values&... values) {
    prepare(sql).bind(values...).run();
  }
  // Runs a query with these values; returns read(row) of each row.
  template <typename Read, typename... Values>
  auto collect(Read read, std::string_view sql, const Values&... values) {
    Statement rows = prepare(sql);
    rows.bind(values...);
    std::vector<decltype(read(std::as_const(rows)))> all;
    while (rows.step()) all.push_back(read(std::as_const(rows)));
    return all;
  }
  void execute(const std::string& sql);        // any number of statements, rows dropped
  std::int64_t integer(std::string_view sql);  // first column of the first row, else 0
  std::int64_t last_id() const;
  bool in_transaction() const;
  // How long a statement waits for another connection's lock.
  void set_busy_timeout(int ms);

  enum class Merge { kDone, kBusy };
  // Copies the write-ahead log into the file and empties it; waits up to wait_ms for readers.
  // Throws on I/O failures.
  Merge merge_log(int wait_ms);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
  int busy_timeout_ms_;
};

// A transaction; the destructor rolls back unless commit() was called. The default is immediate,
// because a plain BEGIN that has read cannot wait for the write lock.
class Transaction {
 public:
  enum class Kind { kImmediate, kExclusive, kRead };
  explicit Transaction(Database& database, Kind kind = Kind::kImmediate);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database* database_;  // null once committed
};

}  // namespace llmops::store
