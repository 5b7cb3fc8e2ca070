#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "store/query.h"
#include "store/store.h"

namespace llmops::track {

// The values of one step, or an event; in the order in which they were logged.
struct TailLine {
  std::int64_t step = 0;
  std::vector<std::pair<std::string, double>> values;
  std::optional<store::Event> event;
};

struct TailOptions {
  std::vector<std::string> metrics;  // empty: all but the system's
  std::int64_t lines = 10;           // how many of the past come first
};

// Follows a run while it grows. One thread.
class Tail {
 public:
  Tail(store::Store store, const store::Run& run, TailOptions options);

  // What came since the last call; at the first call the last lines of what is there.
  std::vector<TailLine> read();
  // True when the store may hold something new, or the run may have ended: cheap.
  bool has_changed();
  // The run as it stands; nothing more comes once its status is not kRunning and read() was called
  // after that.
  store::Run run();

 private:
  bool wants(std::string_view series) const;
  std::vector<TailLine> new_lines();

  store::Store store_;
  std::string uid_;
  std::int64_t row_;
  TailOptions options_;
  std::int64_t chunk_ = 0, event_ = 0;  // the last ones seen
  std::int64_t data_version_ = -1;
  bool is_first_ = true;
};

std::string tail_text(const TailLine& line, bool color);
Json tail_json(const TailLine& line);

}  // namespace llmops::track
