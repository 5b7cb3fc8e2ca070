#include "track/show.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "record/run_recorder.h"
#include "store/blob.h"
#include "store/query.h"
#include "track/list.h"
#include "track/table.h"

namespace llmops::track {

namespace {

using store::Store;

constexpr int kBold = 1;
constexpr std::size_t kMostEvents = 10;
constexpr const char* kSystem = "sys/";

std::string heading(std::string_view title, bool color) {
  return '\n' + painted(title, kBold, color) + '\n';
}

std::string fact_text(std::string_view key, const Json& value) {
  if (value.is_string()) return value.as_string();
  return key.ends_with("_bytes") && value.is_number() ? value_text(key, value.as_double())
                                                      : value.dump();
}

// Lines of "key  value".
class Facts {
 public:
  Facts() {
    table_.column("");
    table_.column("");
  }
  void add(std::string key, std::string value) {
    if (!value.empty()) table_.row({std::move(key), std::move(value)});
  }
  void add(const Json& object) {
    if (!object.is_object()) return;
    for (const auto& [key, value] : object.as_object()) add(key, fact_text(key, value));
  }
  std::string lines(bool color) const { return table_.text(color, 2); }
  std::string text(std::string_view title, bool color) const {
    const std::string all = lines(color);
    return all.empty() ? "" : heading(title, color) + all;
  }

 private:
  Table table_;
};

std::string summary_text(const store::Run& run, bool color) {
  std::string text = painted(printable(run.name), kBold, color) + "  " +
                     painted(name_of(run.status), status_color(run.status), color);
  if (run.exit_code.value_or(0) != 0) text += fmt::format(", exit {}", *run.exit_code);
  if (!run.reason.empty()) text += ": " + printable(run.reason);
  text += '\n';
  Facts facts;
  facts.add("id", run.id);
  facts.add("kind", run.kind);
  facts.add("experiment", run.experiment);
  facts.add("started", local_time(run.created_ms));
  facts.add("took", format_seconds(1e-3 * static_cast<double>(run.elapsed_ms)));
  facts.add("output", run.output_dir);
  return text + facts.lines(color);
}

std::string git_text(const store::Attempt& attempt) {
  if (attempt.git_commit.empty()) return "";
  return fmt::format("{} on {}{}", attempt.git_commit.substr(0, 12), attempt.git_branch,
                     attempt.git_dirty.value_or(false) ? ", with changes not committed" : "");
}

std::string metrics_text(const std::vector<store::Series>& all, bool system, bool color) {
  Table table;
  table.column(system ? "system" : "metric");
  for (const char* title : {"last", "step", "min", "max", "first", "n"}) {
    table.column(title, Table::Align::kRight);
  }
  bool any = false;
  for (const store::Series& series : all) {
    const store::Summary& s = series.summary;
    if (s.n == 0 || series.name.starts_with(kSystem) != system) continue;
    const auto text = [&](double value) { return value_text(series.name, value); };
    table.row({series.name, text(s.last), fmt::format("{}", s.last_step), text(s.min), text(s.max),
               text(s.first), fmt::format("{}", s.n)});
    any = true;
  }
  return any ? '\n' + table.text(color) : "";
}

// Lists inputs, and the outputs that exist; pruned outputs are only counted.
std::string artifacts_text(const store::Run& run, const std::vector<store::Artifact>& artifacts,
                           bool color) {
  Table table;
  for (const char* title : {"kind", "role"}) table.column(title);
  table.column("size", Table::Align::kRight);
  table.column("path");
  std::size_t removed = 0, listed = 0;
  for (const store::Artifact& a : artifacts) {
    // An artifact in a folder that is unknown here counts as existing.
    const auto path = record::real_path(run, a.path);
    const bool exists = !path || path_exists(*path);
    if (!exists && a.role == "output") {
      ++removed;
      continue;
    }
    ++listed;
    table.row({a.kind, a.role, a.bytes > 0 ? format_bytes(static_cast<double>(a.bytes)) : "",
               a.path + (exists ? "" : "  (removed)")});
  }
  std::string text = listed > 0 ? '\n' + table.text(color) : "";
  if (removed > 0) {
    text += fmt::format("{}removed outputs, not listed without --json: {}\n",
                        listed > 0 ? "" : "\n", removed);
  }
  return text;
}

// Lists warnings and errors. Other events appear in the other sections, and in the JSON.
std::string events_text(const std::vector<store::Event>& events, bool color) {
  Table table;
  for (const char* title : {"event", "level"}) table.column(title);
  table.column("step", Table::Align::kRight);
  table.column("");
  std::size_t count = 0;
  for (const store::Event& e : events) {
    if (e.level == "info" || ++count > kMostEvents) continue;
    table.row({e.code, e.level, fmt::format("{}", e.step), e.text});
  }
  if (count == 0) return "";
  std::string text = '\n' + table.text(color);
  if (count > kMostEvents) text += fmt::format("{} more: --json\n", count - kMostEvents);
  return text;
}

std::string attempts_text(const std::vector<store::Attempt>& attempts, bool color) {
  if (attempts.size() < 2) return "";
  Table table;
  table.column("attempt", Table::Align::kRight);
  table.column("from step", Table::Align::kRight);
  for (const char* title : {"started", "process", "end"}) table.column(title);
  for (const store::Attempt& a : attempts) {
    std::string end = a.exit_code ? fmt::format("exit {}", *a.exit_code) : "";
    if (!a.reason.empty()) end += (end.empty() ? "" : ": ") + a.reason;
    table.row({fmt::format("{}", a.number), fmt::format("{}", a.from_step),
               local_time(a.started_ms), fmt::format("{} on {}", a.process.pid, a.process.host),
               end});
  }
  return '\n' + table.text(color);
}

std::string sample_text(Store& store, const store::Sample& sample, bool color) {
  const std::string prompt = get_blob(store, sample.prompt_sha256);
  const std::string title =
      prompt.empty() ? fmt::format("Sample at step {}", sample.step)
                     : fmt::format("Sample at step {} of \"{}\"", sample.step, printable(prompt));
  return heading(title, color) + printable(get_blob(store, sample.text_sha256), true) + '\n';
}

store::Attempt newest_attempt(Store& store, const store::Run& run) {
  if (auto attempt = find_attempt(store, run.row, run.attempts)) return std::move(*attempt);
  throw damaged("{}: run {} has no attempt {}", store.folder(), run.id, run.attempts);
}

// Returns the content of a blob; null without one.
Json blob_json(Store& store, const std::string& digest) {
  return digest.empty() ? Json() : Json(get_blob(store, digest));
}

Json attempt_json(const store::Attempt& a) {
  return Json()
      .set("attempt", a.number)
      .set("from_step", a.from_step)
      .set("started", iso_time(a.started_ms))
      .set("ended", a.ended_ms ? Json(iso_time(*a.ended_ms)) : Json())
      .set("exit_code", a.exit_code)
      .set("reason", a.reason)
      .set("host", a.process.host)
      .set("pid", a.process.pid)
      .set("user", a.user)
      .set("working_directory", a.working_directory)
      .set("arguments", a.arguments);
}

Json metrics_json(const std::vector<store::Series>& all) {
  Json metrics = Json::object();
  for (const store::Series& series : all) {
    const store::Summary& s = series.summary;
    if (s.n == 0) continue;
    metrics.set(series.name, Json()
                                 .set("last", s.last)
                                 .set("min", s.min)
                                 .set("max", s.max)
                                 .set("first", s.first)
                                 .set("n", s.n)
                                 .set("step", s.last_step)
                                 .set("min_step", s.min_step)
                                 .set("max_step", s.max_step)
                                 .set("n_nan", s.n_nan));
  }
  return metrics;
}

}  // namespace

std::string show_text(Store& store, const store::Run& run, bool color) {
  store::Transaction view(store.database(), store::Transaction::Kind::kRead);
  const store::Attempt attempt = newest_attempt(store, run);
  std::string text = summary_text(run, color);

  const auto all_series = list_series(store, run.row);
  text += metrics_text(all_series, false, color);
  text += artifacts_text(run, list_artifacts(store, run.row), color);
  text += events_text(list_events(store, run.row), color);
  text += attempts_text(list_attempts(store, run.row), color);

  Facts params, origin, digests, machine;
  for (const auto& [key, value] : list_params(store, run.row)) {
    params.add(key, fact_text(key, value));
  }
  text += params.text("Parameters", color);
  origin.add("recipe", attempt.recipe_path);
  origin.add("git", git_text(attempt));
  for (const auto& [key, value] : list_tags(store, run.row)) origin.add("tag " + key, value);
  origin.add(attempt.versions);
  text += origin.text("Made from", color);
  digests.add("identity", run.identity);
  for (const auto& [component, digest] : list_digests(store, run.row)) {
    digests.add(component, digest);
  }
  text += digests.text("Digests", color);
  machine.add(attempt.hardware);
  text += machine.text("Machine", color);
  text += metrics_text(all_series, true, color);

  const auto samples = list_samples(store, run.row);
  if (!samples.empty()) text += sample_text(store, samples.back(), color);
  return text;
}

Json show_json(Store& store, const store::Run& run) {
  store::Transaction view(store.database(), store::Transaction::Kind::kRead);
  const store::Attempt attempt = newest_attempt(store, run);
  Json object = run_json(run);
  const auto put_map = [&](const char* name, const auto& pairs) {
    Json map = Json::object();
    for (const auto& [key, value] : pairs) map.set(key, value);
    object.set(name, map);
  };
  put_map("params", list_params(store, run.row));
  object.set("metrics", metrics_json(list_series(store, run.row)));
  put_map("tags", list_tags(store, run.row));
  object.set("identity", run.identity);
  put_map("digests", list_digests(store, run.row));
  object.set("recipe", Json()
                           .set("path", attempt.recipe_path)
                           .set("given", blob_json(store, attempt.recipe_given_sha256))
                           .set("resolved", blob_json(store, attempt.recipe_resolved_sha256)));
  Json git;
  if (!attempt.git_commit.empty()) {
    git = Json()
              .set("commit", attempt.git_commit)
              .set("branch", attempt.git_branch)
              .set("dirty", attempt.git_dirty)
              .set("diff_sha256", attempt.git_diff_sha256);
  }
  object.set("git", git);
  object.set("hardware", attempt.hardware);
  object.set("versions", attempt.versions);

  Json attempts = Json::array(), events = Json::array();
  Json samples = Json::array(), artifacts = Json::array();
  for (const auto& a : list_attempts(store, run.row)) attempts.push(attempt_json(a));
  for (const auto& e : list_events(store, run.row)) {
    events.push(Json()
                    .set("time", iso_time(e.time_ms))
                    .set("attempt", e.attempt)
                    .set("step", e.step)
                    .set("level", e.level)
                    .set("code", e.code)
                    .set("text", e.text));
  }
  for (const auto& s : list_samples(store, run.row)) {
    samples.push(Json()
                     .set("time", iso_time(s.time_ms))
                     .set("step", s.step)
                     .set("prompt", blob_json(store, s.prompt_sha256))
                     .set("text", blob_json(store, s.text_sha256)));
  }
  for (const auto& a : list_artifacts(store, run.row)) {
    artifacts.push(Json()
                       .set("time", iso_time(a.time_ms))
                       .set("role", a.role)
                       .set("kind", a.kind)
                       .set("path", a.path)
                       .set("digest", a.digest)
                       .set("bytes", a.bytes));
  }
  object.set("attempts", attempts).set("events", events);
  object.set("samples", samples).set("artifacts", artifacts);
  return object;
}

std::string recorded_text(Store& store, const store::Run& run, Recorded what) {
  const store::Attempt attempt = newest_attempt(store, run);
  const std::string& digest = what == Recorded::kRecipeGiven      ? attempt.recipe_given_sha256
                              : what == Recorded::kRecipeResolved ? attempt.recipe_resolved_sha256
                                                                  : attempt.git_diff_sha256;
  if (digest.empty()) {
    throw Error(ExitCode::kNotFound,
                fmt::format("run {} has no {}", printable(run.name),
                            what == Recorded::kGitDiff ? "git diff" : "recipe"));
  }
  std::string text = get_blob(store, digest);
  if (what != Recorded::kRecipeResolved) return text;
  return fmt::format("# paths are relative to {}\n", printable(attempt.working_directory)) + text;
}

std::string samples_text(Store& store, const store::Run& run, bool color) {
  std::string text;
  for (const store::Sample& sample : list_samples(store, run.row)) {
    text += sample_text(store, sample, color);
  }
  if (!text.empty()) return text.substr(1);
  throw Error(ExitCode::kNotFound, fmt::format("run {} has no samples", printable(run.name)));
}

}  // namespace llmops::track
