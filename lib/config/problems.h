#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace llmops::config {

// Where settings come from: a file, or the command line.
struct Source {
  std::string name;       // as shown: "recipes/a.yaml", "command line"
  std::string directory;  // what relative paths in it are relative to; "" = the working directory
};

struct Place {
  std::shared_ptr<const Source> source;
  int line = 0, column = 0;  // from 1; 0 = unknown

  std::string text() const;  // "recipes/a.yaml:12:3", "command line", "" without a source
};

// All that is wrong with the settings of one command, found in one pass.
class Problems {
 public:
  // More are counted but not kept: nobody reads them, and finding hints for them costs time.
  static constexpr std::size_t kMostKept = 100;

  void add(const Place& place, std::string_view key, std::string_view message,
           std::string_view hint = "");
  // Those of a value at `place` under `key`, its first character at column `first`.
  void add_within(const Place& place, std::string_view key, std::size_t first,
                  const Problems& of_value);
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  // Whether one is at this key or below it; "" asks for problems that have no key.
  bool concerns(std::string_view section) const;
  bool full() const { return kept_.size() >= kMostKept; }

  // "FILE:LINE:COLUMN: KEY: MESSAGE; HINT", ordered by source and line.
  std::vector<std::string> lines() const;

 private:
  struct Entry {
    std::size_t source_order;
    Place place;
    std::string key, message;
  };
  std::size_t count_ = 0;
  std::vector<Entry> kept_;
  std::vector<std::string> sources_;  // in the order of their first problem
};

}  // namespace llmops::config
