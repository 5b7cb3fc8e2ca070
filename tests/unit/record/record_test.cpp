#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/file.h"
#include "base/text.h"
#include "record/run_recorder.h"
#include "store/blob.h"
#include "store/query.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

namespace llmops::record {
namespace {

RunStart describe(const TemporaryDirectory& folder) {
  RunStart start;
  start.experiment = "quick";
  start.tags = {{"owner", "me"}, {"password", "hunter2"}};
  start.arguments = {"llmops", "train", "a.yaml"};
  start.recipe_path = "a.yaml";
  start.recipe_given = "version: 1\n";
  start.recipe_resolved = "version: 1\nseed: 42\n";
  start.params = {{"seed", 42}, {"optimizer.learning_rate", 1e-3}};
  start.digests = {{"data", std::string(64, 'a')}};
  start.identity_digest = std::string(64, 'b');
  start.output_dir = folder.file("out");
  start.versions.set("llmops", "0.1.0");
  start.system_metrics_seconds = 0;
  return start;
}

store::Store open(const TemporaryDirectory& folder) {
  return store::Store::open_to_read(folder.path());
}

TEST_CASE("a run records what it was asked, where it ran and how it ended") {
  const TemporaryDirectory folder;
  const auto recorder = begin_run(folder.path(), describe(folder));
  CHECK(recorder->id().size() == 26);
  CHECK(recorder->name() == "train-" + [&] {
    std::string tail = recorder->id().substr(20);
    std::ranges::transform(tail, tail.begin(), [](unsigned char c) { return std::tolower(c); });
    return tail;
  }());
  recorder->log("train/loss", 1, 2.5);
  recorder->event("warning", "spike", 1, "z-score 9");
  recorder->sample(1, "Once", "Once upon a time");
  recorder->artifact("output", "checkpoint", "/out/checkpoint-1", "", 123);
  store::Store store = open(folder);
  CHECK(find_run(store, recorder->id())->status == store::RunStatus::kRunning);
  recorder->finish(ExitCode::kTerminated, "SIGTERM");
  recorder->finish(ExitCode::kOk, "a second time changes nothing");

  const auto run = find_run(store, recorder->id());
  REQUIRE(run);
  CHECK(run->status == store::RunStatus::kStopped);
  CHECK(run->exit_code == 143);
  CHECK(run->reason == "SIGTERM");
  CHECK(run->experiment == "quick");
  CHECK(run->ended_ms >= run->created_ms);
  CHECK(list_params(store, run->row).size() == 2);
  CHECK(list_digests(store, run->row).front().first == "data");
  CHECK(list_tags(store, run->row).front().second == "me");
  CHECK(list_tags(store, run->row).back().second == "[redacted]");
  CHECK(list_events(store, run->row).front().code == "spike");
  CHECK(list_artifacts(store, run->row).front().bytes == 123);
  const auto samples = list_samples(store, run->row);
  REQUIRE(samples.size() == 1);
  CHECK(get_blob(store, samples[0].text_sha256) == "Once upon a time");
  const auto attempt = find_attempt(store, run->row, 1);
  REQUIRE(attempt);
  CHECK(get_blob(store, attempt->recipe_given_sha256) == "version: 1\n");
  CHECK(attempt->arguments.dump() == R"(["llmops","train","a.yaml"])");
  CHECK(attempt->hardware.at("cores").as_int() >= 1);
  CHECK(attempt->versions.at("llmops").as_string() == "0.1.0");
  CHECK(attempt->exit_code == 143);
}

TEST_CASE("a run that is not finished is closed as crashed") {
  const TemporaryDirectory folder;
  begin_run(folder.path(), describe(folder));
  store::Store store = open(folder);
  CHECK(list_runs(store, {}).front().status == store::RunStatus::kCrashed);
}

TEST_CASE("an output folder belongs to one live run, and the second is told whose") {
  const TemporaryDirectory folder;
  const auto first = begin_run(folder.path(), describe(folder));
  const std::string text = error_text([&] { begin_run(folder.path(), describe(folder)); });
  CHECK(text.starts_with("busy: "));
  CHECK(text.find(first->name()) != std::string::npos);
  CHECK(text.find(fmt::format("process {}", ::getpid())) != std::string::npos);
  RunStart other = describe(folder);
  other.output_dir = folder.file("other");
  begin_run(folder.path(), other)->finish(ExitCode::kOk, "");
  first->finish(ExitCode::kOk, "");
  begin_run(folder.path(), describe(folder))->finish(ExitCode::kOk, "");
}

TEST_CASE("an output folder that a variable names is another one when its value differs") {
  const TemporaryDirectory folder;
  ::setenv("LLMOPS_TEST_WORD", "one", 1);
  RunStart start = describe(folder);
  start.output_dir = folder.file("out-${env:LLMOPS_TEST_WORD}");
  const auto first = begin_run(folder.path(), start);
  ::setenv("LLMOPS_TEST_WORD", "two", 1);
  const auto second = begin_run(folder.path(), start);
  for (const auto& run : {first.get(), second.get()}) run->finish(ExitCode::kTerminated, "");

  const auto found = find_unfinished(folder.path(), start.identity_digest, folder.file("out-two"));
  REQUIRE(found);
  CHECK(found->id == second->id());
  CHECK(found->folder == folder.file("out-two"));
  CHECK_FALSE(find_known(folder.path(), first->id())->folder.has_value());
  store::Store store = open(folder);
  const auto run = find_run(store, first->id());
  CHECK_FALSE(real_path(*run, start.output_dir + "/checkpoint-1").has_value());
  CHECK(real_path(*run, "/elsewhere") == "/elsewhere");
  ::setenv("LLMOPS_TEST_WORD", "one", 1);
  CHECK(real_path(*run, start.output_dir + "/checkpoint-1") == folder.file("out-one/checkpoint-1"));
}

TEST_CASE("values that are damaged keep no run from going on") {
  const TemporaryDirectory folder;
  RunStart start = describe(folder);
  std::string id;
  {
    const auto run = begin_run(folder.path(), start);
    id = run->id();
    for (std::int64_t step = 1; step <= 8; ++step) {
      run->log("loss", step, double(step));
      run->log("other", step, double(step));
      run->log("third", step, double(step));
    }
    run->finish(ExitCode::kTerminated, "");
  }
  {
    store::Store store = store::Store::open_to_write(folder.path());
    store.database().execute("UPDATE key SET name = 'othfr' WHERE name = 'third'");
    store.database().execute(
        "UPDATE chunk SET checksum = checksum + 1 WHERE series_id = (SELECT series.id FROM series "
        "JOIN key ON key.id = key_id WHERE name = 'loss')");
  }
  std::vector<std::string> warnings;
  start.warn = [&warnings](std::string_view text) { warnings.emplace_back(text); };
  resume_run(folder.path(), id, 4, start)->finish(ExitCode::kOk, "");
  CHECK(warnings.back() == "warning: recorded values are damaged: loss, othfr");
  store::Store store = open(folder);
  const auto run = find_run(store, id);
  CHECK(find_series(store, run->row, "other")->summary.n == 4);
  CHECK(list_events(store, run->row).back().code == "damaged_values");
}

TEST_CASE("the output folder is kept as written, and found by what it names") {
  const TemporaryDirectory folder;
  ::setenv("LLMOPS_TEST_WORD", "hidden", 1);
  RunStart start = describe(folder);
  start.output_dir = folder.file("out-${env:LLMOPS_TEST_WORD}");
  const std::string real = folder.file("out-hidden");
  CHECK(real_path(start.output_dir) == real);
  CHECK(real_path(folder.file("$${env:LLMOPS_TEST_WORD}")) ==
        folder.file("${env:LLMOPS_TEST_WORD}"));
  CHECK(real_path("/a/${env:LLMOPS_TEST_MISSING}") == "/a/${env:LLMOPS_TEST_MISSING}");
  auto recorder = begin_run(folder.path(), start);
  RunStart same = describe(folder);
  same.output_dir = real;
  CHECK(error_of([&] { begin_run(folder.path(), same); })->code() == ExitCode::kBusy);
  recorder->artifact("output", "checkpoint", real + "/checkpoint-1", "", 1);
  recorder->event("info", "checkpoint", 1, "saved " + real + "/checkpoint-1 in " + real);
  recorder->finish(ExitCode::kTerminated, "no space in " + real);
  const auto found = find_unfinished(folder.path(), start.identity_digest, real, true);
  REQUIRE(found);
  CHECK(found->output_dir == start.output_dir);
  store::Store store = open(folder);
  const auto run = find_run(store, recorder->id());
  CHECK(run->reason == "no space in " + start.output_dir);
  CHECK(list_artifacts(store, run->row)[0].path == start.output_dir + "/checkpoint-1");
  CHECK(list_events(store, run->row)[0].text ==
        "saved " + start.output_dir + "/checkpoint-1 in " + start.output_dir);
}

TEST_CASE("an unfinished run is found by identity and resumed as its next attempt") {
  const TemporaryDirectory folder;
  const RunStart start = describe(folder);
  CHECK_FALSE(find_unfinished(folder.file("none"), start.identity_digest).has_value());
  CHECK_FALSE(path_exists(folder.file("none")));
  std::string id;
  {
    const auto run = begin_run(folder.path(), start);
    id = run->id();
    for (std::int64_t step = 1; step <= 6; ++step) run->log("loss", step, double(step));
    run->sample(5, "", "five");
    CHECK(find_unfinished(folder.path(), start.identity_digest)->id == id);
    CHECK(error_text([&] {
            require_free(folder.path(), start.output_dir);
          }).starts_with("busy: " + start.output_dir + " is in use by run " + run->name()));
    require_free(folder.path(), folder.file("other"));
    require_free(folder.file("none"), start.output_dir);
    CHECK(error_text([&] { resume_run(folder.path(), id, 4, start); }).starts_with("busy"));
    run->finish(ExitCode::kBudgetSpent, "max_time");
  }
  const auto found = find_unfinished(folder.path(), start.identity_digest);
  REQUIRE(found);
  CHECK(found->id == id);
  CHECK_FALSE(found->finished);
  require_free(folder.path(), start.output_dir);
  CHECK(found->output_dir == start.output_dir);
  CHECK_FALSE(find_unfinished(folder.path(), "other").has_value());

  RunStart again = start;
  again.params = {{"seed", 42}, {"train.max_steps", 8}};
  {
    const auto run = resume_run(folder.path(), id, 4, again);
    CHECK(run->id() == id);
    for (std::int64_t step = 5; step <= 8; ++step) run->log("loss", step, 10.0 * double(step));
    run->finish(ExitCode::kOk, "");
  }
  store::Store store = open(folder);
  const auto run = find_run(store, id);
  CHECK(run->status == store::RunStatus::kFinished);
  CHECK(run->attempts == 2);
  const auto series = find_series(store, run->row, "loss");
  CHECK(series->summary.n == 8);
  CHECK(series->summary.max == 80);
  CHECK(read_points(store, run->row, series->id)[4].value == 50);
  CHECK(list_samples(store, run->row).empty());
  using Params = std::vector<std::pair<std::string, Json>>;
  CHECK(list_params(store, run->row) == Params{{"seed", 42}, {"train.max_steps", 8}});
  CHECK(list_attempts(store, run->row).front().exit_code == 5);
  CHECK_FALSE(find_unfinished(folder.path(), start.identity_digest).has_value());
  CHECK(find_known(folder.path(), id)->finished);
  CHECK_FALSE(find_known(folder.path(), "none").has_value());
  CHECK_FALSE(find_known(folder.file("none"), id).has_value());
  CHECK(error_text([&] { resume_run(folder.path(), "none", 4, start); }).starts_with("not_found"));
}

TEST_CASE("a run that failed is unfinished; one that came to its end and failed a gate is not") {
  for (const ExitCode code : {ExitCode::kFailed, ExitCode::kUsage, ExitCode::kOutOfMemory,
                              ExitCode::kBusy, ExitCode::kDamaged, ExitCode::kStorage}) {
    const TemporaryDirectory folder;
    const RunStart start = describe(folder);
    begin_run(folder.path(), start)->finish(code, "why");
    CAPTURE(name_of(code));
    CHECK(find_unfinished(folder.path(), start.identity_digest));
  }
  const TemporaryDirectory folder;
  const RunStart start = describe(folder);
  begin_run(folder.path(), start)->finish(ExitCode::kGateFailed, "why");
  CHECK_FALSE(find_unfinished(folder.path(), start.identity_digest));
}

TEST_CASE("a folder is the same through a link") {
  const TemporaryDirectory folder;
  const RunStart start = describe(folder);
  const auto run = begin_run(folder.path(), start);
  make_directories(start.output_dir);
  REQUIRE(::symlink(start.output_dir.c_str(), folder.file("link").c_str()) == 0);
  CHECK(error_text([&] { require_free(folder.path(), folder.file("link")); }).starts_with("busy"));
  run->finish(ExitCode::kTerminated, "");
  CHECK(find_unfinished(folder.path(), start.identity_digest, folder.file("link"), true));
}

TEST_CASE("a run from a checkpoint of an unknown run begins at its step") {
  const TemporaryDirectory folder;
  const auto run = begin_run(folder.path(), describe(folder), 7);
  run->finish(ExitCode::kOk, "");
  store::Store store = open(folder);
  CHECK(find_attempt(store, find_run(store, run->id())->row, 1)->from_step == 7);
}

TEST_CASE("a credential does not enter the store, wherever it comes from, and is reported") {
  const std::string secret = "hf_" + std::string("a1B2c3D4e5F6g7H8a1B2c3D4e5F6g7H8a1");
  const TemporaryDirectory folder;
  RunStart start = describe(folder);
  start.name = "name " + secret;
  start.experiment = secret;
  start.tags = {{"key " + secret, secret}};
  start.arguments.push_back("--tag=" + secret);
  start.recipe_path = "/" + secret;
  start.recipe_given += "# " + secret + "\n" + std::string(20000, '#') + "\n";
  start.recipe_resolved += "# " + secret + "\n";
  start.params.emplace_back("logging.tags", Json::array().push(secret));
  std::vector<std::string> warnings;
  start.warn = [&warnings](std::string_view text) { warnings.emplace_back(text); };
  {
    const auto recorder = begin_run(folder.path(), start);
    recorder->log("metric/" + secret, 1, 1);
    recorder->event("warning", secret, 1, secret);
    recorder->sample(1, secret, "text " + secret);
    recorder->artifact("output", "file", "/" + secret, "", 0);
    recorder->finish(ExitCode::kFailed, secret);
  }
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].starts_with(
      "warning: what looks like a credential is recorded as [redacted] in the name, the "
      "experiment, the tags, the command line, the recipe"));
  std::vector<std::string> folders{folder.path()};
  std::size_t files = 0;
  while (!folders.empty()) {
    const std::string here = folders.back();
    folders.pop_back();
    for (const std::string& name : list_directory(here)) {
      const std::string path = join_path(here, name);
      CAPTURE(path);
      CHECK(name.find(secret) == std::string::npos);
      if (is_directory(path)) {
        folders.push_back(path);
      } else {
        ++files;
        CHECK(read_file(path).find(secret) == std::string::npos);
      }
    }
  }
  CHECK(files >= 2);  // the database, and the recipe that is too large for it
  store::Store store = open(folder);
  const auto run = list_runs(store, {}).front();
  CHECK(run.name == "name [redacted]");
  CHECK(list_params(store, run.row).front().first == "logging.tags");
  CHECK(list_params(store, run.row).front().second.dump() == "[\"[redacted]\"]");
}

TEST_CASE("a run that rolled back ends as one run with several attempts") {
  const TemporaryDirectory folder;
  const auto recorder = begin_run(folder.path(), describe(folder));
  for (std::int64_t step = 1; step <= 6; ++step) recorder->log("loss", step, 9);
  recorder->rewind(3);
  recorder->log("loss", 4, 1);
  recorder->event("warning", "rollback", 3, "loss spikes");
  recorder->finish(ExitCode::kOk, "");
  store::Store store = open(folder);
  const auto run = find_run(store, recorder->id());
  CHECK(run->status == store::RunStatus::kFinished);
  CHECK(find_series(store, run->row, "loss")->summary.n == 4);
  CHECK(list_events(store, run->row).front().attempt == 2);
  CHECK(find_attempt(store, run->row, 2)->exit_code == 0);
}

TEST_CASE("a run that ends while the disk is full says how it ended once there is room") {
  const TemporaryDirectory folder;
  auto recorder = begin_run(folder.path(), describe(folder));
  recorder->rewind(3);
  arm_fault("store.commit:1:enospc,store.commit:2:enospc");
  recorder->finish(ExitCode::kTerminated, "SIGTERM");
  arm_fault("");
  store::Store store = open(folder);
  const auto run = list_runs(store, {}).front();
  CHECK(run.status == store::RunStatus::kStopped);
  CHECK(run.reason == "SIGTERM");
  CHECK(find_attempt(store, run.row, 2)->exit_code == 143);
}

TEST_CASE("a record that stays incomplete is an error, and a gap that the resumed run shows") {
  const TemporaryDirectory folder;
  RunStart start = describe(folder);
  auto run = begin_run(folder.path(), start);
  const std::string id = run->id();
  run->log("loss", 1, 1);
  run->flush(2);
  arm_fault("store.commit:1+:enospc");
  run->log("loss", 4, 1);
  run->flush(4);
  CHECK(error_text([&] {
          run->finish(ExitCode::kOk, "");
        }).starts_with("storage: 1 values and 2 other entries could not be written"));
  run.reset();
  arm_fault("");
  // As it reads once the process has ended.
  store::Store::open_to_write(folder.path())
      .database()
      .execute("UPDATE run SET status = 'crashed'");

  const auto gaps = [&] {
    store::Store store = open(folder);
    std::vector<std::string> texts;
    for (const store::Event& event : list_events(store, find_run(store, id)->row)) {
      if (event.code == "record_gap") texts.push_back(event.text);
    }
    return texts;
  };
  std::string warning;
  start.warn = [&](std::string_view text) { warning = text; };
  SECTION("from a step that is recorded there is none") {
    resume_run(folder.path(), id, 2, start)->finish(ExitCode::kOk, "");
    CHECK(gaps().empty());
  }
  SECTION("from a later one it is shown, once") {
    resume_run(folder.path(), id, 4, start)->finish(ExitCode::kBudgetSpent, "");
    REQUIRE(gaps().size() == 1);
    CHECK(gaps()[0].starts_with("values of steps 3 to 4 may be missing"));
    CHECK(warning == gaps()[0]);
    resume_run(folder.path(), id, 4, start)->finish(ExitCode::kOk, "");
    CHECK(gaps().size() == 1);
  }
}

TEST_CASE("a resumed run is at its step and in its folder before it logs anything") {
  const TemporaryDirectory folder;
  RunStart start = describe(folder);
  const auto first = begin_run(folder.path(), start);
  first->finish(ExitCode::kTerminated, "SIGTERM");
  start.output_dir = folder.file("elsewhere");
  start.system_metrics_seconds = 3600;
  resume_run(folder.path(), first->id(), 4, start)->finish(ExitCode::kOk, "");
  store::Store store = open(folder);
  const auto run = find_run(store, first->id());
  CHECK(run->output_dir == start.output_dir);
  CHECK(find_series(store, run->row, "sys/process_rss_bytes")->summary.last_step == 4);
}

TEST_CASE("system metrics are ordinary series at the newest step, also in short runs") {
  const TemporaryDirectory folder;
  RunStart start = describe(folder);
  start.system_metrics_seconds = 3600;
  const auto recorder = begin_run(folder.path(), start);
  recorder->log("loss", 41, 1);
  recorder->finish(ExitCode::kOk, "");
  store::Store store = open(folder);
  const auto run = find_run(store, recorder->id());
  for (const char* name : {"sys/process_rss_bytes", "sys/memory_available_bytes",
                           "sys/disk_free_bytes", "sys/process_cpu_percent"}) {
    CAPTURE(name);
    const auto series = find_series(store, run->row, name);
    REQUIRE(series);
    CHECK(series->summary.n == 1);
    CHECK(series->summary.last_step == 41);
    CHECK(series->summary.last >= 0);
  }
}

TEST_CASE("without recording nothing is written") {
  const TemporaryDirectory folder;
  const auto recorder = no_run(describe(folder));
  recorder->log("loss", 1, 1);
  recorder->flush(1);
  recorder->finish(ExitCode::kOk, "");
  CHECK(recorder->name().starts_with("train-"));
  CHECK(list_directory(folder.path()).empty());
}

}  // namespace
}  // namespace llmops::record
