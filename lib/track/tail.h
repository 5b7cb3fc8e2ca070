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

// The values of one step, or an event.
struct TailLine {
  std::int64_t step = 0;
  std::vector<std::pair<std::string, double>> values;
  std::optional<store::Event> event;
};

struct TailOptions {
  std::vector<std::string> metrics;  // empty: all but the system's
  std::int64_t lines = 10;           // how many past lines come first
};

// Follows a run while it is written. For one thread.
class Tail {
 public:
  Tail(store::Store store, const store::Run& run, TailOptions options);

  // Returns the lines since the last call, in the order they were logged; at the first call, the
  // last lines that are there.
  std::vector<TailLine> read();
  // Whether the store may hold something new, or the run may have ended. Cheap.
  bool has_changed();
  // Returns the run as it is now. Once its status is not kRunning, the next read() is the last one
  // that returns lines.
  store::Run run();

 private:
  bool wants(std::string_view series) const;
  std::vector<TailLine> new_lines();

  store::Store store_;
  std::string id_;
  std::int64_t row_;
  TailOptions options_;
  std::int64_t chunk_ = 0, event_ = 0;  // the last ones seen
  std::int64_t data_version_ = -1;
  bool is_first_ = true;
};

std::string tail_text(const TailLine& line, bool color);
Json tail_json(const TailLine& line);

}  // namespace llmops::track
