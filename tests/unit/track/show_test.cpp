#include "track/show.h"

#include <cmath>

#include "store/blob.h"
#include "tests/catch.h"
#include "tests/unit/track/fixture.h"
#include "track/list.h"

namespace llmops::track {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct RecordedRun : Fixture {
  RecordedRun() {
    run = add("01ARZ3NDEKTSV4RRFFQ69G5FAV", "a run");
    change([&] {
      set_param(store, run.row, "seed", 42);
      set_param(store, run.row, "optimizer.learning_rate", 1e-3);
      set_digest(store, run.row, "data", std::string(64, 'a'));
      insert_event(store, run.row, {1, wall_clock_ms(), 7, "warning", "spike", "z 9"});
      insert_sample(
          store, run.row,
          {1, 0, 8, put_blob(store, "Once"), put_blob(store, "Once upon\n\x1b[2Ja time")});
      put_artifact(store, run.row, {1, 0, "output", "checkpoint", "/none/checkpoint-8", "", 2048});
    });
    store::Writer points = writer(run);
    for (std::int64_t step = 1; step <= 8; ++step) {
      points.log("train/loss", step, 1.0 / static_cast<double>(step));
    }
    points.log("bad", 1, std::nan(""));
    points.close();
    finish(run, ExitCode::kTerminated, "SIGTERM");
    run = *find_run(store, run.id);
  }
  store::Run run;
};

TEST_CASE("show --json has the members that scripts rely on") {
  RecordedRun f;
  const Json json = parse_json(show_json(f.store, f.run).dump(2), "show");
  CHECK(json.at("id").as_string() == "01ARZ3NDEKTSV4RRFFQ69G5FAV");
  CHECK(json.at("name").as_string() == "a run");
  CHECK(json.at("status").as_string() == "stopped");
  CHECK(json.at("exit_code").as_int() == 143);
  CHECK(json.at("reason").as_string() == "SIGTERM");
  CHECK(json.find("output_dir") != nullptr);
  CHECK(json.at("params").at("seed").as_int() == 42);
  CHECK(json.at("params").at("optimizer.learning_rate").as_double() == 1e-3);
  const Json& loss = json.at("metrics").at("train/loss");
  CHECK(loss.at("last").as_double() == 0.125);
  CHECK(loss.at("min").as_double() == 0.125);
  CHECK(loss.at("max").as_double() == 1);
  CHECK(loss.at("first").as_double() == 1);
  CHECK(loss.at("n").as_int() == 8);
  CHECK(loss.at("step").as_int() == 8);
  CHECK(std::isnan(json.at("metrics").at("bad").at("last").as_double()));
  CHECK(json.at("samples").as_array()[0].at("text").as_string() == "Once upon\n\x1b[2Ja time");
  CHECK(json.at("artifacts").as_array()[0].at("bytes").as_int() == 2048);
  CHECK(json.at("events").as_array()[0].at("code").as_string() == "spike");
  CHECK(json.at("attempts").as_array()[0].at("pid").as_int() == ::getpid());
  CHECK(json.at("digests").at("data").as_string() == std::string(64, 'a'));
  CHECK(json.at("hardware").at("cores").as_int() == 2);
  CHECK(json.at("git").is_null());
}

TEST_CASE("show tells a reader how it ended and what it made") {
  RecordedRun f;
  const std::string text = show_text(f.store, f.run, false);
  CHECK(text.starts_with("a run  stopped, exit 143: SIGTERM\n"));
  CHECK(has(text, "optimizer.learning_rate  0.001"));
  CHECK(has(text, "train/loss  0.125     8"));
  CHECK(has(text, "\n\nremoved outputs, not listed without --json: 1\n"));
  CHECK_FALSE(has(text, "/none/checkpoint-8"));
  CHECK(has(text, "Sample at step 8 of \"Once\"\nOnce upon\n\\x1b[2Ja time"));
  CHECK_FALSE(has(text, "\x1b"));
  CHECK(has(show_text(f.store, f.run, true), "\x1b[33mstopped"));
}

TEST_CASE("checkpoints that are there and what was used are listed, removed ones are counted") {
  RecordedRun f;
  const std::string kept = f.folder.path();
  f.change([&] {
    for (int step = 10; step < 70; ++step) {
      const std::string path = fmt::format("/none/checkpoint-{}", step);
      put_artifact(f.store, f.run.row, {1, 0, "output", "checkpoint", path, "", 0});
    }
    put_artifact(f.store, f.run.row, {1, 0, "output", "checkpoint", kept, "", 0});
    put_artifact(f.store, f.run.row, {1, 0, "input", "checkpoint", "/none/base", "", 0});
  });
  const std::string text = show_text(f.store, f.run, false);
  CHECK(has(text, "checkpoint  output        " + kept + "\n"));
  CHECK(has(text,
            "checkpoint  input         /none/base  (removed)\nremoved outputs, not listed without "
            "--json: 61\n"));
  CHECK(show_json(f.store, f.run).at("artifacts").size() == 63);
}

TEST_CASE("names from anywhere are shown escaped, in columns that hold") {
  Fixture f;
  const std::string hostile = "evil\x1b]0;title\x07\n\xe2\x80\xae name";
  const store::Run run = f.add("01ARZ3NDEKTSV4RRFFQ69G5FAV", hostile);
  store::Writer points = f.writer(run);
  points.log("loss\x1b[31m", 1, 1);
  points.close();
  const RunList list = list_runs(f.store, {}, {"loss\x1b[31m"});
  for (const std::string& text : {list_text(list, false), show_text(f.store, run, false),
                                  list_json(list).dump(2), show_json(f.store, run).dump()}) {
    CAPTURE(text);
    CHECK_FALSE(has(text, "\x1b"));
    CHECK_FALSE(has(text, "\x07"));
    CHECK_FALSE(has(text, "\xe2\x80\xae"));
  }
  CHECK(list_json(list).as_array()[0].at("name").as_string() == hostile);
}

TEST_CASE("ls shows the last value of each wanted metric, and none where there is none") {
  RecordedRun f;
  f.add("01BRZ3NDEKTSV4RRFFQ69G5FAV", "young");
  const RunList list = list_runs(f.store, {}, {"train/loss", "none"});
  REQUIRE(list.runs.size() == 2);
  CHECK(list.runs[0].name == "young");
  const std::string text = list_text(list, false);
  CHECK(has(text, "0.125"));
  const Json json = list_json(list);
  CHECK(json.as_array()[0].at("metrics").size() == 0);
  CHECK(json.as_array()[0].at("exit_code").is_null());
  CHECK(json.as_array()[1].at("metrics").at("train/loss").as_double() == 0.125);
}

TEST_CASE("recorded texts come back as they were given") {
  RecordedRun f;
  CHECK(error_text([&] { recorded_text(f.store, f.run, Recorded::kRecipeGiven); }) ==
        "not_found: run a run has no recipe");
  CHECK(error_text([&] { recorded_text(f.store, f.run, Recorded::kGitDiff); }) ==
        "not_found: run a run has no git diff");
  f.change([&] {
    const std::string digest = put_blob(f.store, "version: 1\n");
    f.store.database().prepare("UPDATE attempt SET recipe_given = ?").bind(digest).run();
  });
  CHECK(recorded_text(f.store, f.run, Recorded::kRecipeGiven) == "version: 1\n");
  f.change([&] {
    const std::string digest = put_blob(f.store, "output_dir: out\n");
    f.store.database()
        .prepare("UPDATE attempt SET recipe_resolved = ?, working_directory = ?")
        .bind(digest, "/a\nb")
        .run();
  });
  CHECK(recorded_text(f.store, f.run, Recorded::kRecipeResolved) ==
        "# paths are relative to /a\\x0ab\noutput_dir: out\n");
  CHECK(samples_text(f.store, f.run, false) ==
        "Sample at step 8 of \"Once\"\nOnce upon\n\\x1b[2Ja time\n");
}

}  // namespace
}  // namespace llmops::track
