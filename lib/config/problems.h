#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace llmops::config {

// The origin of settings: a file, or the command line.
struct Source {
  std::string name;       // as shown: "recipes/a.yaml", "command line"
  std::string directory;  // base of its relative paths; "" = the working directory
};

// A position in a source of settings.
struct SourceLocation {
  std::shared_ptr<const Source> source;
  int line = 0, column = 0;  // from 1; 0 = unknown

  std::string text() const;  // "recipes/a.yaml:12:3", "command line", "" without a source
};

// Every error in the settings of one command, found in one pass.
class Problems {
 public:
  // Any more are counted but not kept: nobody reads them, and finding hints for them costs time.
  static constexpr std::size_t kMostKept = 100;

  void add(const SourceLocation& location, std::string_view key, std::string_view message,
           std::string_view hint = "");
  // Adds the problems of a value at `location` under `key`, whose first character is at column
  // `first`.
  void add_within(const SourceLocation& location, std::string_view key, std::size_t first,
                  const Problems& of_value);
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  // Whether a problem has this key or one below it; "" asks for problems without a key.
  bool concerns(std::string_view section) const;
  bool full() const { return kept_.size() >= kMostKept; }

  // "FILE:LINE:COLUMN: KEY: MESSAGE; HINT", ordered by source and line.
  std::vector<std::string> lines() const;

 private:
  struct Entry {
    std::size_t source_order;
    SourceLocation location;
    std::string key, message;
  };
  std::size_t count_ = 0;
  std::vector<Entry> kept_;
  std::vector<std::string> sources_;  // in the order of their first problem
};

}  // namespace llmops::config
