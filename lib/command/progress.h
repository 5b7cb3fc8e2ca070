#pragma once

#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/trainer.h"

namespace llmops::command {

enum class ProgressMode { kAuto, kLine, kLines, kJson, kNone };

// What a person or a program sees of a run while it goes, on stderr: one line that is redrawn on a
// terminal, a line every so often elsewhere, JSON Lines on request, or nothing. Safe from any
// thread.
class Progress {
 public:
  // kAuto: kLine when the stream is a terminal, else kLines.
  Progress(std::FILE* stream, ProgressMode mode, std::int64_t logging_steps);
  ~Progress();  // ends an open line

  void step(const engine::StepReport& report);
  void note(std::string_view text);  // a line of its own, above the live line
  // A phase before or between steps: "tokenizing", done of total (0 = unknown).
  void phase(std::string_view what, double done, double total);
  void json(const Json& object);  // kJson only: one line
  bool is_json() const { return mode_ == ProgressMode::kJson; }
  void finish();  // keeps the line of the last step

 private:
  void redraw(const std::string& line);
  void erase();

  std::recursive_mutex mutex_;
  std::FILE* stream_;
  ProgressMode mode_;
  std::int64_t logging_steps_;
  double last_draw_ = 0;
  bool open_ = false;      // the cursor is at the end of a live line
  bool in_phase_ = false;  // that line is of a phase, and is erased when the phase is over
  std::string line_;
};

// "auto", "line", "lines", "json", "none"; Error(kUsage) otherwise.
ProgressMode parse_progress_mode(std::string_view text);

}  // namespace llmops::command
