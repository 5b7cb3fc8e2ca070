#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/signal.h"
#include "base/text.h"
#include "command/arguments.h"
#include "command/commands.h"
#include "command/terminal.h"
#include "recipe/metrics.h"
#include "track/list.h"
#include "track/resolve.h"
#include "track/show.h"
#include "track/tail.h"

namespace llmops::command {

namespace {

constexpr const char* kRunHelp =
    "Name, first characters of the id, @last, @last~N or @best:-METRIC";

const std::vector<std::string> kDefaultMetrics(std::begin(recipe::kShownSeries),
                                               std::end(recipe::kShownSeries));

struct ListOptions {
  store::RunFilter filter;
  std::string status;
  std::vector<std::string> metrics = kDefaultMetrics;
  bool json = false;
};

ExitCode list(ListOptions options, const Invocation& invocation) {
  if (!options.status.empty()) {
    options.filter.status = store::parse_status(options.status);
    if (!options.filter.status) {
      throw usage_error("--status {}: unknown", printable(options.status))
          .hint("running, finished, failed, stopped or crashed");
    }
  }
  store::Store store = open_store(invocation);
  if (options.metrics != kDefaultMetrics) {
    for (const std::string& metric : options.metrics) {
      if (has_metric(store, metric)) continue;
      tell(invocation.err, "llmops: warning: no run has a metric {}\n", printable(metric));
    }
  }
  const track::RunList runs = track::list_runs(store, options.filter, options.metrics);
  if (options.json) {
    fmt::print(invocation.out, "{}\n", list_json(runs).dump(2));
  } else if (!runs.runs.empty()) {
    fmt::print(invocation.out, "{}", list_text(runs, invocation.color(invocation.out)));
  }
  const std::int64_t all = count_runs(store);
  if (std::ssize(runs.runs) < all) {
    tell(invocation.err, "{} of {} runs{}\n", runs.runs.size(), all,
         std::ssize(runs.runs) == options.filter.limit ? "; -n 0 shows all" : "");
  }
  return ExitCode::kOk;
}

Action define_list(CLI::App& app, const Invocation& invocation) {
  const auto options = std::make_shared<ListOptions>();
  app.add_option("-n", options->filter.limit, "How many; 0 = all")
      ->check(whole_number(config::between(0, 0x1p40)))
      ->capture_default_str();
  app.add_option("--sort", options->filter.sort,
                 "created, ended, duration, name, status, kind, experiment or a metric;\n"
                 "a leading - is descending (default: -created)")
      ->type_name("KEY");
  app.add_option("--status", options->status, "Only runs of this status")
      ->check(CLI::IsMember({"running", "finished", "failed", "stopped", "crashed"}));
  app.add_option("--kind", options->filter.kind, "Only runs of this kind: train or eval");
  app.add_option("--experiment", options->filter.experiment, "Only runs of this experiment");
  app.add_option("-m,--metric", options->metrics,
                 "A column; may be repeated (default: " + join(kDefaultMetrics, ", ") + ")")
      ->type_name("METRIC")
      ->allow_extra_args(false);
  app.add_flag("--json", options->json, "An array of objects");
  return [options, &invocation] { return list(*options, invocation); };
}

struct ShowOptions {
  std::string run;
  bool json = false, recipe = false, resolved = false, git_diff = false, samples = false;
};

ExitCode show(const ShowOptions& options, const Invocation& invocation) {
  store::Store store = open_store(invocation);
  const store::Run run = track::resolve_run(store, options.run);
  const bool color = invocation.color(invocation.out);
  std::string text;
  if (options.recipe) {
    text = track::recorded_text(store, run, track::Recorded::kRecipeGiven);
  } else if (options.resolved) {
    text = track::recorded_text(store, run, track::Recorded::kRecipeResolved);
  } else if (options.git_diff) {
    text = track::recorded_text(store, run, track::Recorded::kGitDiff);
  } else if (options.samples) {
    text = track::samples_text(store, run, color);
  } else if (options.json) {
    text = track::show_json(store, run).dump(2) + '\n';
  } else {
    text = track::show_text(store, run, color);
  }
  // Files as they were recorded go out byte for byte, to be used as files again; a terminal would
  // obey what is in them.
  const bool is_file = options.recipe || options.resolved || options.git_diff;
  if (is_file && is_terminal(invocation.out)) text = printable(text, true);
  fmt::print(invocation.out, "{}", text);
  return ExitCode::kOk;
}

Action define_show(CLI::App& app, const Invocation& invocation) {
  const auto options = std::make_shared<ShowOptions>();
  app.add_option("RUN", options->run, kRunHelp)->required();
  std::vector<CLI::Option*> forms{
      app.add_flag("--json", options->json, "An object with all that is recorded"),
      app.add_flag("--recipe", options->recipe, "Only the recipe as it was given"),
      app.add_flag("--resolved", options->resolved, "Only the recipe with all its values"),
      app.add_flag("--git-diff", options->git_diff, "Only the changes that were not committed"),
      app.add_flag("--samples", options->samples, "Only the generated texts, all of them")};
  for (CLI::Option* form : forms) {
    for (CLI::Option* other : forms) {
      if (form != other) form->excludes(other);
    }
  }
  return [options, &invocation] { return show(*options, invocation); };
}

struct TailOptions {
  std::string run;
  track::TailOptions tail;
  bool json = false;
};

void print_end(const store::Run& run, bool json, const Invocation& invocation) {
  if (json) {
    fmt::print(invocation.out, "{}\n", track::run_json(run).set("type", "end").dump());
    return;
  }
  tell(invocation.err, "{} {}{}{}\n", printable(run.name), name_of(run.status),
       run.exit_code.value_or(0) == 0 ? "" : fmt::format(", exit {}", *run.exit_code),
       run.reason.empty() ? "" : ": " + printable(run.reason));
}

// Looks every tenth of a second whether the store has changed, and every second whether the
// process still lives: a killed one changes nothing.
ExitCode tail(const TailOptions& options, const Invocation& invocation) {
  constexpr std::chrono::milliseconds kPause{100};
  store::Store store = open_store(invocation);
  store::Run run = track::resolve_run(store, options.run);
  track::Tail tail(std::move(store), run, options.tail);
  const bool color = invocation.color(invocation.out);
  for (int pauses = 0;; ++pauses) {
    if (tail.has_changed() || pauses % 10 == 0) {
      run = tail.run();  // before reading: what its end brought is then read too
      for (const track::TailLine& line : tail.read()) {
        fmt::print(invocation.out, "{}\n",
                   options.json ? tail_json(line).dump() : tail_text(line, color));
      }
      std::fflush(invocation.out);
      if (run.status != store::RunStatus::kRunning) break;
    }
    if (stop_requested()) return stop_exit_code();
    std::this_thread::sleep_for(kPause);
  }
  print_end(run, options.json, invocation);
  return ExitCode::kOk;
}

Action define_tail(CLI::App& app, const Invocation& invocation) {
  const auto options = std::make_shared<TailOptions>();
  app.add_option("RUN", options->run, kRunHelp)->required();
  app.add_option("-n", options->tail.lines, "Lines of the past to begin with")
      ->check(whole_number(config::between(0, 1e6)))
      ->capture_default_str();
  app.add_option("-m,--metric", options->tail.metrics,
                 "Only this; may be repeated (default: all but sys/)")
      ->type_name("METRIC")
      ->allow_extra_args(false);
  app.add_flag("--json", options->json, "A JSON object per line");
  return [options, &invocation] { return tail(*options, invocation); };
}

Action define(CLI::App& app, const Invocation& invocation) {
  static const Command kVerbs[] = {
      {"ls", "Runs, newest first", define_list},
      {"show", "All that is recorded of a run", define_show},
      {"plot", "Draw metrics of one or more runs", define_track_plot},
      {"tail", "Follow a run until it ends", define_tail},
  };
  return define_verbs(app, invocation, kVerbs);
}

}  // namespace

Command track_command() {
  return {"track", "Look at recorded runs", define};
}

}  // namespace llmops::command
