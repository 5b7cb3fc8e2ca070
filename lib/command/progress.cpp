#include "command/progress.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "command/terminal.h"
#include "engine/step_metrics.h"
#include "plan/plan.h"

namespace llmops::command {

namespace {

constexpr double kRedrawSeconds = 0.1;

struct ModeName {
  ProgressMode mode;
  std::string_view name;
};
constexpr std::array<ModeName, 5> kModes{{{ProgressMode::kAuto, "auto"},
                                          {ProgressMode::kLine, "line"},
                                          {ProgressMode::kLines, "lines"},
                                          {ProgressMode::kJson, "json"},
                                          {ProgressMode::kNone, "none"}}};

std::size_t line_width(std::FILE* stream) {
  constexpr int kLeast = 21, kDefault = 100;
  const int width = terminal_width(stream).value_or(kDefault);
  return static_cast<std::size_t>(width < kLeast ? kDefault : width);
}

// Eighths of a cell make a bar of 12 cells move smoothly.
std::string bar(double share) {
  constexpr std::array<const char*, 9> kParts{" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
  constexpr int kCells = 12;
  const int eighths = static_cast<int>(std::clamp(share, 0.0, 1.0) * kCells * 8);
  std::string text;
  for (int cell = 0; cell < kCells; ++cell) {
    text += kParts[static_cast<std::size_t>(std::clamp(eighths - cell * 8, 0, 8))];
  }
  return text;
}

// What is said of a step, in reading order. Where the line is too short for all, the highest rank
// goes first.
struct Field {
  std::string text;
  int rank;
};

std::vector<Field> fields_of(const engine::StepReport& r) {
  std::vector<Field> fields;
  fields.push_back({fmt::format("loss {:.4f}", r.loss), 0});
  if (r.loss_zscore != 0) fields.back().text += fmt::format(" ({:+.1f}z)", r.loss_zscore);
  if (r.outcome == engine::StepOutcome::kNotFinite) fields.push_back({"update skipped", 0});
  if (r.outcome == engine::StepOutcome::kNoTargets) fields.push_back({"no targets", 0});
  fields.push_back({fmt::format("norm {:.3f}", r.grad_norm), 3});
  fields.push_back({fmt::format("lr {:.2e}", r.learning_rate), 2});
  fields.push_back({fmt::format("{} tok/s", format_count(r.tokens_per_second)), 1});
  if (r.mfu > 0) fields.push_back({fmt::format("mfu {:.0f}%", 100 * r.mfu), 5});
  fields.push_back({fmt::format("mem {}", format_bytes(static_cast<double>(r.memory_bytes))), 4});
  if (r.step < r.total_steps && r.total_steps != plan::kOpenEnd) {
    fields.push_back({fmt::format("eta {}", format_seconds(r.eta_seconds)), 0});
  }
  return fields;
}

std::string join_fields(const std::string& head, const std::vector<Field>& fields) {
  std::string text = head;
  for (const Field& field : fields) text += "  " + field.text;
  return text;
}

std::string step_line(std::string head, const engine::StepReport& report, std::size_t width) {
  std::vector<Field> fields = fields_of(report);
  while (display_width(join_fields(head, fields)) >= width) {
    const auto last = std::ranges::max_element(fields, {}, &Field::rank);
    if (last->rank == 0) break;
    fields.erase(last);
  }
  return join_fields(head, fields);
}

// "12/300", or "12" when only time ends the run.
std::string step_text(const engine::StepReport& r) {
  return r.total_steps == plan::kOpenEnd ? fmt::format("{}", r.step)
                                         : fmt::format("{}/{}", r.step, r.total_steps);
}

Json to_json(const engine::StepReport& r) {
  const bool open_end = r.total_steps == plan::kOpenEnd;
  Json line = Json::object();
  line.set("step", r.step).set("total_steps", open_end ? Json() : Json(r.total_steps));
  for (const engine::StepMetric& metric : engine::kStepMetrics) {
    line.set(metric.key(), metric.json(r));
  }
  return line.set("supervised_tokens", r.tokens)
      .set("loss_zscore", r.loss_zscore)
      .set("skipped", r.outcome == engine::StepOutcome::kNotFinite)
      .set("no_targets", r.outcome == engine::StepOutcome::kNoTargets)
      .set("memory_bytes", r.memory_bytes)
      .set("eta_seconds", open_end ? Json() : Json(r.eta_seconds));
}

}  // namespace

Progress::Progress(std::FILE* stream, ProgressMode mode, std::int64_t logging_steps)
    : stream_(stream), mode_(mode), logging_steps_(std::max<std::int64_t>(1, logging_steps)) {
  if (mode_ == ProgressMode::kAuto) {
    mode_ = is_terminal(stream) ? ProgressMode::kLine : ProgressMode::kLines;
  }
}

Progress::~Progress() {
  finish();
}

void Progress::erase() {
  tell(stream_, "\r\x1b[K");
  open_ = false;
}

void Progress::finish() {
  const std::lock_guard lock(mutex_);
  if (open_ && in_phase_) erase();
  if (open_) tell(stream_, "\n");
  open_ = false;
  std::fflush(stream_);
}

void Progress::redraw(const std::string& line) {
  std::string shown = line;
  const std::size_t width = line_width(stream_);
  while (display_width(shown) >= width) {
    do {
      shown.pop_back();
    } while (!shown.empty() && (static_cast<unsigned char>(shown.back()) & 0xC0) == 0x80);
    if (!shown.empty() && static_cast<unsigned char>(shown.back()) >= 0xC0) shown.pop_back();
  }
  tell(stream_, "\r\x1b[K{}", shown);
  std::fflush(stream_);
  open_ = true;
  in_phase_ = false;
  line_ = line;
  last_draw_ = monotonic_seconds();
}

void Progress::step(const engine::StepReport& report) {
  const std::lock_guard lock(mutex_);
  const bool last = report.step == report.total_steps;
  switch (mode_) {
    case ProgressMode::kLine:
      if (!last && monotonic_seconds() - last_draw_ < kRedrawSeconds) return;
      redraw(step_line(
          fmt::format("{} {}",
                      bar(static_cast<double>(report.step) /
                          static_cast<double>(std::max<std::int64_t>(1, report.total_steps))),
                      step_text(report)),
          report, line_width(stream_)));
      return;
    case ProgressMode::kLines:
      if (!last && report.step != 1 && report.step % logging_steps_ != 0) return;
      tell(stream_, "{}\n", join_fields("step " + step_text(report), fields_of(report)));
      std::fflush(stream_);
      return;
    case ProgressMode::kJson:
      json(to_json(report));
      return;
    default:
      return;
  }
}

void Progress::phase(std::string_view what, double done, double total) {
  const std::lock_guard lock(mutex_);
  if (mode_ != ProgressMode::kLine) return;
  if (monotonic_seconds() - last_draw_ < kRedrawSeconds) return;
  redraw(total > 0 ? fmt::format("{} {} {:.0f}%", bar(done / total), what, 100 * done / total)
                   : fmt::format("{} {}", what, format_count(done)));
  in_phase_ = true;
}

void Progress::note(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (mode_ == ProgressMode::kNone) return;
  if (mode_ == ProgressMode::kJson) {
    json(Json::object().set("note", text));
    return;
  }
  const bool again = open_ && !in_phase_;
  if (open_) erase();
  tell(stream_, "{}\n", printable(text));
  if (again) redraw(line_);
  std::fflush(stream_);
}

void Progress::json(const Json& object) {
  const std::lock_guard lock(mutex_);
  if (mode_ != ProgressMode::kJson) return;
  tell(stream_, "{}\n", object.dump());
  std::fflush(stream_);
}

ProgressMode parse_progress_mode(std::string_view text) {
  for (const ModeName& entry : kModes) {
    if (entry.name == text) return entry.mode;
  }
  throw usage_error("--progress {}: one of auto, line, lines, json, none", text);
}

}  // namespace llmops::command
