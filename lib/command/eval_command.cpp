#include <CLI/CLI.hpp>
#include <cmath>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/signal.h"
#include "base/text.h"
#include "base/version.h"
#include "checkpoint/checkpoint.h"
#include "command/arguments.h"
#include "command/commands.h"
#include "command/finish_run.h"
#include "command/progress.h"
#include "command/terminal.h"
#include "engine/engine.h"
#include "eval/loss.h"
#include "recipe/expect.h"
#include "record/run_recorder.h"
#include "store/locate.h"
#include "store/store.h"

namespace llmops::command {

namespace {

struct Options {
  recipe::Source data;
  std::string model, progress = "auto";
  engine::LoadOptions compute;
  std::string name, experiment = "default";
  std::vector<std::string> expect;
  std::int64_t max_seq_length = 0, batch_size = 8;
  std::optional<std::int64_t> max_batches;
  bool json = false, quiet = false, no_record = false;
};

// Without a value: a standard error that there is not.
std::map<std::string, std::optional<double>> metrics_of(const eval::LossReport& report) {
  return {{"loss", report.loss},
          {"perplexity", report.perplexity},
          {"bits_per_byte", report.bits_per_byte},
          {"loss_stderr", report.loss_stderr},
          {"bits_per_byte_stderr", report.bits_per_byte_stderr}};
}

std::vector<recipe::Expectation> parse_expectations(const Options& options) {
  std::vector<recipe::Expectation> expectations;
  for (const std::string& text : options.expect) {
    expectations.push_back(recipe::parse_expectation(text));
    const auto known = metrics_of({});
    if (!known.contains(expectations.back().metric)) {
      throw usage_error("--expect '{}': no metric {}", text, printable(expectations.back().metric))
          .hint("one of loss, perplexity, bits_per_byte");
    }
  }
  return expectations;
}

std::string with_stderr(double value, std::optional<double> error) {
  return error ? fmt::format("{:.4f} ± {:.4f}", value, *error) : fmt::format("{:.4f}", value);
}

void print_report(std::FILE* out, const eval::LossReport& report) {
  fmt::print(out, "loss           {} nats per token\n",
             with_stderr(report.loss, report.loss_stderr));
  fmt::print(out, "perplexity     {:.4f}\n", report.perplexity);
  fmt::print(out, "bits_per_byte  {}\n",
             with_stderr(report.bits_per_byte, report.bits_per_byte_stderr));
  fmt::print(
      out, "scored         {} tokens, {} bytes, {} {}{}\n", report.tokens, report.bytes,
      report.stderr_unit == std::string_view("documents") ? report.documents : report.windows,
      report.stderr_unit, report.limited ? " (limited by --max-batches)" : "");
}

Json to_json(const Options& options, const eval::LossReport& report, const std::string& run) {
  Json json =
      Json::object().set("run", run).set("model", options.model).set("data", options.data.path);
  for (const auto& [name, value] : metrics_of(report)) {
    json.set(name, value ? Json(*value) : Json(nullptr));
  }
  return json.set("stderr_unit", report.stderr_unit)
      .set("tokens", report.tokens)
      .set("bytes", report.bytes)
      .set("documents", report.documents)
      .set("windows", report.windows)
      .set("complete", !report.limited)
      .set("seconds", report.seconds);
}

std::unique_ptr<record::RunRecorder> open_run(const Options& options, const Invocation& invocation,
                                              const std::string& folder,
                                              const data::Dataset& dataset, Progress& progress) {
  record::RunStart start;
  start.kind = "eval";
  start.name = options.name;
  start.experiment = options.experiment;
  start.arguments = invocation.arguments;
  start.params = {{"model", absolute_path(folder)},
                  {"data", options.data.path == "-" ? "-" : absolute_path(options.data.path)},
                  {"max_seq_length", options.max_seq_length},
                  {"batch_size", options.batch_size}};
  start.digests = {{"data", dataset.digest()},
                   {"tokenizer", dataset.tokenizer().digest()},
                   {"config", sha256_file(join_path(folder, checkpoint::kConfigFile))}};
  start.versions = Json::object().set("llmops", version());
  start.system_metrics_seconds = 0;
  start.warn = [&progress](std::string_view text) { progress.note(text); };
  if (options.no_record) return record::no_run(start);
  return record::begin_run(store::store_to_write(invocation.store), start);
}

// Returns the layout of the evaluations in the model's own training, where its checkpoint has it.
data::RowSettings layout_of(const std::string& folder, std::int64_t max_seq_length) {
  data::RowSettings layout{.max_seq_length = max_seq_length};
  if (!path_exists(join_path(folder, checkpoint::kManifestFile))) return layout;
  const Json settings = checkpoint::read_manifest(folder).run.identity.settings;
  if (!settings.is_object()) return layout;
  const recipe::Data defaults;  // an absent key means its default
  layout.packing = defaults.packing;
  layout.append_eos = defaults.append_eos;
  const Json *packing = settings.find("data.packing"), *eos = settings.find("data.append_eos");
  if (packing && packing->is_string()) {
    layout.packing =
        find_enum<recipe::Packing>(packing->as_string()).value_or(recipe::Packing::kStream);
  }
  if (eos && eos->is_bool()) layout.append_eos = eos->as_bool();
  return layout;
}

// Returns kOk, kGateFailed, or kInconclusive when an expectation has no value to judge and none
// fails; with a reason.
std::pair<ExitCode, std::string> judge(const std::vector<recipe::Expectation>& expectations,
                                       const eval::LossReport& report) {
  const auto values = metrics_of(report);
  std::pair<ExitCode, std::string> verdict{ExitCode::kOk, ""};
  for (const recipe::Expectation& expectation : expectations) {
    const std::optional<double> value = values.at(expectation.metric);
    if (!value) {
      verdict = {ExitCode::kInconclusive,
                 fmt::format("expected {}; one window has no standard error: score more text, or "
                             "set a smaller --max-seq-length",
                             expectation.text())};
    } else if (!expectation.holds(*value)) {
      return {ExitCode::kGateFailed,
              fmt::format("expected {}; it is {}", expectation.text(), format_double(*value))};
    }
  }
  return verdict;
}

ExitCode evaluate(Options& options, const Invocation& invocation) {
  const std::vector<recipe::Expectation> expectations = parse_expectations(options);
  const std::string folder = model_folder(invocation, options.model);
  if (!options.no_record) store::Store::require_writable(store::store_to_write(invocation.store));
  const auto tokenizer = load_tokenizer(folder);
  Progress progress(invocation.err,
                    options.quiet ? ProgressMode::kNone : parse_progress_mode(options.progress), 1);
  options.compute.device = resolve_device(options.compute.device);
  const auto model =
      engine::load_engine(options.compute.device).load_model(folder, options.compute);
  check_tokenizer(*tokenizer, *model, folder);
  if (options.max_seq_length == 0) options.max_seq_length = model->max_length();
  if (options.max_seq_length > model->max_length()) {
    throw usage_error("--max-seq-length {}: the model takes {}", options.max_seq_length,
                      model->max_length());
  }
  const auto dataset =
      data::open_eval_file(options.data, *tokenizer, layout_of(folder, options.max_seq_length));
  const auto recorder = open_run(options, invocation, folder, *dataset, progress);
  const auto close = [&](ExitCode code, const std::string& reason) {
    const Ending ending = finish_run(*recorder, {code, reason});
    if (ending.code != ExitCode::kOk) throw Error(ending.code, ending.reason);
    return ending.code;
  };
  eval::LossReport report;
  try {
    report = eval::evaluate_loss(*model, *dataset, options.batch_size, options.max_batches,
                                 [&](std::int64_t done, std::int64_t total) {
                                   progress.phase("evaluating", static_cast<double>(done),
                                                  static_cast<double>(total));
                                   return !stop_requested();
                                 });
  } catch (const Error& error) {
    close(error.code(), error.what());
    throw;
  }
  progress.finish();
  if (report.stopped) {
    return close(stop_exit_code(), fmt::format("stopped by {}", stop_signal_name()));
  }
  for (const auto& [name, value] : metrics_of(report)) {
    if (value) recorder->log("eval/" + name, 0, *value);
  }
  if (!std::isfinite(report.loss)) {
    return close(ExitCode::kDiverged,
                 "the loss is not finite: the model has diverged; use an earlier checkpoint");
  }
  if (options.json) {
    fmt::print(invocation.out, "{}\n", to_json(options, report, recorder->id()).dump());
  } else {
    print_report(invocation.out, report);
  }
  const auto [code, reason] = judge(expectations, report);
  return close(code, reason);
}

Action define(CLI::App& app, const Invocation& invocation) {
  auto options = std::make_shared<Options>();
  app.add_option("--model", options->model, kModelHelp)->required()->type_name("MODEL");
  app.add_option("--data", options->data.path,
                 "Text to score, also .gz and .zst; - is the standard input")
      ->required()
      ->type_name("FILE");
  app.add_option("--format", options->data.format, "auto goes by the file's name; - is txt")
      ->check(CLI::IsMember({"auto", "txt", "jsonl", "json", "csv", "tsv"}))
      ->capture_default_str();
  app.add_option("--field", options->data.field, "Of all but txt: the field with the text")
      ->capture_default_str();
  app.add_option("--document", options->data.document, "Of txt: what a document is; auto is file")
      ->check(CLI::IsMember({"auto", "file", "line", "paragraph"}))
      ->capture_default_str();
  const auto expect = [options](const std::vector<std::string>& conditions) {
    options->expect.insert(options->expect.end(), conditions.begin(), conditions.end());
  };
  app.add_option_function<std::vector<std::string>>(
         "--expect", expect,
         "Exit 3 unless this holds, as in 'bits_per_byte<=1.9'; may be repeated")
      ->type_name("CONDITION")
      ->allow_extra_args(false);
  // The earlier name, for scripts that have it.
  app.add_option_function<std::vector<std::string>>("--fail-under", expect)
      ->type_name("CONDITION")
      ->allow_extra_args(false)
      ->group("");
  app.add_option("--max-seq-length", options->max_seq_length,
                 "Tokens of a window (default: the model's)")
      ->check(whole_number(config::between(2, 1 << 24)));
  app.add_option("--batch-size", options->batch_size, "Windows scored at a time")
      ->check(whole_number(config::between(1, 65536)))
      ->capture_default_str();
  app.add_option("--max-batches", options->max_batches, "Score no more batches than this")
      ->check(whole_number(config::between(1, 0x1p40)));
  app.add_option("--name", options->name, "Name of the run; by default a new one")
      ->check(line(recipe::name_rule()));
  app.add_option("--experiment", options->experiment, "Experiment of the run")
      ->check(line(recipe::name_rule()))
      ->capture_default_str();
  add_compute_options(app, options->compute);
  add_progress_options(app, options->progress, options->quiet);
  app.add_flag("--json", options->json, "An object with every number");
  app.add_flag("--no-record", options->no_record, "Keep no record in the store");
  return [options, &invocation] { return evaluate(*options, invocation); };
}

}  // namespace

Command eval_command() {
  return {"eval", "Evaluate a model on text", define};
}

}  // namespace llmops::command
