#include "checkpoint/checkpoint.h"

#include <sys/stat.h>

#include "base/hash.h"
#include "saved.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

namespace llmops::checkpoint {
namespace {

std::vector<std::int64_t> steps(const std::string& output_dir) {
  std::vector<std::int64_t> out;
  for (const ListedCheckpoint& found : list_checkpoints(output_dir)) out.push_back(found.step);
  return out;
}

TEST_CASE("a published checkpoint has its files, its manifest and the pointer to it") {
  TemporaryDirectory directory;
  const std::string out = directory.file("runs/a");
  SavedRun run;
  run.id = "01K5B3";
  run.identity.settings = Json::object().set("seed", 42);
  run.identity.inputs = {{"data", std::string(64, 'a')}};
  run.plan = Json::object().set("threads", 2).set("total_steps", 900);
  const std::string path = save(out, 500, run);
  CHECK(path == out + "/checkpoint-500");
  CHECK(read_file(out + "/latest") == "checkpoint-500\n");
  const Manifest manifest = read_manifest(path);
  CHECK(manifest.step == 500);
  CHECK(manifest.sequence == 1);
  CHECK(manifest.run.id == run.id);
  CHECK(manifest.run.identity.to_json() == run.identity.to_json());
  CHECK(manifest.run.threads() == 2);
  CHECK(manifest.run.total_steps() == 900);
  REQUIRE(manifest.files.size() == 3);
  CHECK(manifest.files.at("model.safetensors").sha256 == sha256(model_text(500)));
  CHECK(manifest.files.at("state/optimizer.safetensors").bytes == 3000);
  CHECK_FALSE(verify(path).has_value());
  CHECK(list_directory(out) == std::vector<std::string>{"checkpoint-500", "latest"});
}

TEST_CASE("a writer that is not published leaves nothing behind") {
  TemporaryDirectory directory;
  {
    CheckpointWriter writer(directory.path(), 5, 0);
    writer.write("model.safetensors", "x");
    CHECK(path_exists(writer.path() + "/model.safetensors"));
    CHECK(list_checkpoints(directory.path()).empty());
  }
  CHECK(list_directory(directory.path()).empty());
}

TEST_CASE("files written by others are announced with or without their digest") {
  TemporaryDirectory directory;
  CheckpointWriter writer(directory.path(), 5, 0);
  write_file_durably(writer.path() + "/a", "aa");
  write_file_durably(writer.path() + "/state/b", "bb");
  writer.add("a");
  writer.add("state/b", sha256("bb"));
  CHECK_FALSE(verify(writer.publish({})).has_value());
}

TEST_CASE("a file that was not announced, or changed after it was, is not published") {
  TemporaryDirectory directory;
  CheckpointWriter forgotten(directory.path(), 5, 0);
  write_file_durably(forgotten.path() + "/a", "aa");
  CHECK_THAT(error_text([&] { forgotten.publish({}); }), ContainsSubstring("a is not in"));
  CHECK_FALSE(holds_checkpoints(directory.path()));
  CheckpointWriter changed(directory.path(), 6, 0);
  changed.write("a", "aa");
  write_file_durably(changed.path() + "/a", "aaa");
  CHECK_THAT(error_text([&] { changed.publish({}); }), ContainsSubstring("3 bytes instead of 2"));
}

TEST_CASE("too little space is told before anything is written") {
  TemporaryDirectory directory;
  const std::string text =
      error_text([&] { CheckpointWriter writer(directory.path(), 5, std::uint64_t{1} << 62); });
  CHECK_THAT(text, ContainsSubstring("storage: ") && ContainsSubstring("needs 4096.0 PiB") &&
                       ContainsSubstring("are free") && ContainsSubstring(directory.path()));
  CHECK(list_directory(directory.path()).empty());
}

TEST_CASE("checkpoints are listed in the order of their publication") {
  TemporaryDirectory directory;
  const std::string out = directory.path();
  for (const std::int64_t step : {500, 1000, 900, 20}) save(out, step);
  CHECK(steps(out) == std::vector<std::int64_t>{500, 1000, 900, 20});
  std::vector<std::string> warnings;
  CHECK(newest_valid(out, warnings)->manifest.step == 20);
  CHECK(read_file(out + "/latest") == "checkpoint-20\n");
  CHECK(warnings.empty());
}

TEST_CASE("other folders and files are not taken for checkpoints") {
  TemporaryDirectory directory;
  const std::string out = directory.path();
  CHECK_FALSE(holds_checkpoints(out));
  CHECK_FALSE(holds_checkpoints(directory.file("missing")));
  CHECK(list_checkpoints(directory.file("missing")).empty());
  for (const char* name :
       {"checkpoint-", "checkpoint-1x", "checkpoint-01", "checkpoint--1",
        "checkpoint-99999999999999999999", "Checkpoint-1", "samples", ".checkpoint-1.tmp"}) {
    make_directories(directory.file(name));
  }
  REQUIRE(::symlink("samples", directory.file("checkpoint-8").c_str()) == 0);
  CHECK(steps(out).empty());
  std::vector<std::string> warnings;
  CHECK_FALSE(newest_valid(out, warnings).has_value());
  save(out, 3);
  CHECK(steps(out) == std::vector<std::int64_t>{3});
}

TEST_CASE("a run's output folder is recognised, damaged checkpoints included") {
  TemporaryDirectory directory;
  make_directories(directory.file("checkpoint-7"));
  CHECK(holds_checkpoints(directory.path()));
}

TEST_CASE("saving a step again replaces its checkpoint") {
  TemporaryDirectory directory;
  const std::string out = directory.path();
  save(out, 500);
  save(out, 600);
  CheckpointWriter writer(out, 500, 0);
  writer.write("other", "new");
  const std::string path = writer.publish({});
  CHECK_FALSE(verify(path).has_value());
  CHECK(read_file(path + "/other") == "new");
  CHECK_FALSE(path_exists(path + "/model.safetensors"));
  CHECK(steps(out) == std::vector<std::int64_t>{600, 500});
  CHECK(list_directory(out).size() == 3);
}

TEST_CASE("pruning keeps the newest and those it is told to keep") {
  TemporaryDirectory directory;
  const std::string out = directory.path();
  for (const std::int64_t step : {1, 2, 3, 4, 5}) save(out, step);
  prune(out, 2, {2});
  CHECK(steps(out) == std::vector<std::int64_t>{2, 4, 5});
  prune(out, 2, {});
  CHECK(steps(out) == std::vector<std::int64_t>{4, 5});
  prune(out, 0, {});
  CHECK(steps(out) == std::vector<std::int64_t>{5});
  prune(directory.file("missing"), 1, {});
}

TEST_CASE("checkpoints beyond the newest do not count, as the run went back before them") {
  TemporaryDirectory directory;
  const std::string out = directory.path();
  for (const std::int64_t step : {10, 20, 30, 21}) save(out, step);
  prune(out, 2, {});
  CHECK(steps(out) == std::vector<std::int64_t>{20, 30, 21});
}

TEST_CASE("nothing is pruned when the newest checkpoint is not whole") {
  TemporaryDirectory directory;
  const std::string out = directory.path();
  for (const std::int64_t step : {1, 2, 3}) save(out, step);
  remove_all(out + "/checkpoint-3/config.json");
  prune(out, 1, {});
  CHECK(steps(out) == std::vector<std::int64_t>{1, 2, 3});
}

TEST_CASE("a folder without manifest is not pruned") {
  TemporaryDirectory directory;
  const std::string out = directory.path();
  make_directories(out + "/checkpoint-9");
  for (const std::int64_t step : {1, 2}) save(out, step);
  prune(out, 1, {});
  CHECK(steps(out) == std::vector<std::int64_t>{9, 2});
}

TEST_CASE("what an interrupted save or prune left is finished") {
  TemporaryDirectory directory;
  const std::string out = directory.path();
  save(out, 1);
  save(out, 2);
  make_directories(out + "/.checkpoint-3.tmp/state");
  make_directories(out + "/.checkpoint-4.removed");
  REQUIRE(::rename((out + "/checkpoint-1").c_str(), (out + "/.checkpoint-1.replaced").c_str()) ==
          0);
  make_directories(out + "/.checkpoint-2.replaced");
  write_file_durably(out + "/latest.tmp.123", "x");
  remove_leftovers(out);
  CHECK(list_directory(out) == std::vector<std::string>{"checkpoint-1", "checkpoint-2", "latest"});
  CHECK_FALSE(verify(out + "/checkpoint-1").has_value());
}

}  // namespace
}  // namespace llmops::checkpoint
