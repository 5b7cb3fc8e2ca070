#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/random.h"
#include "saved.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

namespace llmops::checkpoint {
namespace {

// Writes in place, as damage does.
void overwrite(const std::string& path, const std::string& bytes) {
  FILE* file = std::fopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
}

// What a reader of one file of the folder is told.
std::string told(const std::string& folder, const std::string& name) {
  return error_text([&] { ManifestCheck(folder).require(name); });
}

TEST_CASE("a reader of one file learns whether it is the one that was saved") {
  TemporaryDirectory directory;
  const std::string path = save(directory.path(), 5), model = path + "/model.safetensors";
  const std::string remedy =
      "; restore the checkpoint, or remove manifest.json if another tool saved the model again";
  CHECK(told(path, "model.safetensors").empty());
  overwrite(path + "/state/optimizer.safetensors", "damaged");  // which this reader does not read
  CHECK(told(path, "model.safetensors").empty());
  std::string flipped = read_file(model);
  flipped[77] ^= 4;
  overwrite(model, flipped);
  CHECK(told(path, "model.safetensors") ==
        "damaged: " + model + ": does not match its digest in manifest.json" + remedy);
  overwrite(path + "/model-1-of-2.safetensors", "new");
  CHECK(told(path, "model-1-of-2.safetensors") ==
        "damaged: " + path + "/model-1-of-2.safetensors: is not listed in manifest.json" + remedy);
  remove_all(path + "/config.json");
  CHECK_THAT(told(path, "config.json"), ContainsSubstring("No such file"));

  const std::string manifest = read_file(path + "/manifest.json");
  for (const std::string& text : {manifest.substr(0, 50), std::string("{}"), std::string()}) {
    overwrite(path + "/manifest.json", text);
    const std::string problem = told(path, "model.safetensors");
    CHECK_THAT(problem,
               Catch::Matchers::StartsWith("damaged: " + path + ": not a valid checkpoint: "));
    CHECK_THAT(problem,
               Catch::Matchers::EndsWith("remove manifest.json to use the model unchecked"));
  }
  remove_all(path + "/manifest.json");
  CHECK_FALSE(ManifestCheck(path).has_manifest());
  CHECK(told(path, "model.safetensors").empty());
}

TEST_CASE("verify names the file that is damaged and how") {
  TemporaryDirectory directory;
  const std::string path = save(directory.path(), 5), model = path + "/model.safetensors";
  const std::string good = read_file(model);

  overwrite(model, good.substr(0, good.size() - 1));
  CHECK_THAT(verify(path).value(), ContainsSubstring("model.safetensors has 5016 bytes instead"));
  overwrite(model, "");
  CHECK_THAT(verify(path).value(), ContainsSubstring("model.safetensors has 0 bytes"));
  std::string flipped = good;
  flipped[1234] ^= 1;
  overwrite(model, flipped);
  CHECK(verify(path).value() == "model.safetensors does not match its digest");
  remove_all(model);
  CHECK(verify(path).value() == "model.safetensors is missing");
  overwrite(model, good);
  CHECK_FALSE(verify(path).has_value());

  overwrite(path + "/state/extra.bin", "x");
  remove_all(path + "/config.json");
  CHECK(verify(path).value() == "config.json is missing; state/extra.bin is not in the manifest");
}

TEST_CASE("a symlink or a FIFO inside a checkpoint is refused") {
  TemporaryDirectory directory;
  const std::string path = save(directory.path(), 5), model = path + "/model.safetensors";
  REQUIRE(::rename(model.c_str(), directory.file("elsewhere").c_str()) == 0);
  REQUIRE(::symlink("../elsewhere", model.c_str()) == 0);
  CHECK(verify(path).value() == "model.safetensors is not a regular file");
  remove_all(model);
  REQUIRE(::mkfifo(model.c_str(), 0600) == 0);
  CHECK(verify(path).value() == "model.safetensors is not a regular file");
}

TEST_CASE("a folder that is no checkpoint, or under another step's name, does not verify") {
  TemporaryDirectory directory;
  CHECK(verify(directory.path()).has_value());
  CHECK(verify(directory.file("missing")).has_value());
  const std::string path = save(directory.path(), 5), moved = directory.file("checkpoint-6");
  REQUIRE(::rename(path.c_str(), moved.c_str()) == 0);
  CHECK(verify(moved).value() == "the manifest is that of step 5");
  const std::string exported = directory.file("model");
  REQUIRE(::rename(moved.c_str(), exported.c_str()) == 0);
  CHECK_FALSE(verify(exported).has_value());
}

TEST_CASE("every flipped bit and every cut of the manifest is found") {
  TemporaryDirectory directory;
  SavedRun run;
  run.plan = Json::object();
  run.plan.set("rate", 3e-4).set("whole", 5.0).set("big", 1e22).set("text", "a\n\u00e9");
  const std::string path = save(directory.path(), 5, run), file = path + "/manifest.json";
  const std::string good = read_file(file);
  REQUIRE_FALSE(verify(path).has_value());
  int missed = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= static_cast<char>(1 << i % 8);
    overwrite(file, bad);
    // A changed blank between tokens changes nothing that is said.
    if (!verify(path) && !(read_manifest(path).run.plan == run.plan)) ++missed;
    overwrite(file, good.substr(0, i));
    if (i + 1 < good.size() && !verify(path)) ++missed;
  }
  CHECK(missed == 0);
}

TEST_CASE("a manifest that names files outside its folder is refused") {
  TemporaryDirectory directory;
  const std::string path = save(directory.path(), 5);
  for (const char* name :
       {"../x", "/etc/passwd", "a//b", "./a", "a/../b", "", "a\\\\b", "a\\u001b"}) {
    Manifest manifest = read_manifest(path);
    std::string text = read_file(path + "/manifest.json");
    text.replace(text.find("config.json"), std::string("config.json").size(), name);
    overwrite(directory.file("manifest.json"), text);
    CHECK(error_of([&] { read_manifest(directory.path()); })->code() == ExitCode::kDamaged);
  }
}

TEST_CASE("the newest valid checkpoint is found past damaged ones, each with a warning") {
  TemporaryDirectory directory;
  const std::string out = directory.path();
  for (const std::int64_t step : {1, 2, 3, 4}) save(out, step);
  overwrite(out + "/checkpoint-4/manifest.json", "");
  overwrite(out + "/checkpoint-3/model.safetensors", "short");
  std::vector<std::string> warnings;
  CHECK(newest_valid(out, warnings)->path == out + "/checkpoint-2");
  REQUIRE(warnings.size() == 2);
  CHECK_THAT(warnings[0], ContainsSubstring("checkpoint-4 is skipped: "));
  CHECK_THAT(warnings[1], ContainsSubstring("checkpoint-3 is skipped: model.safetensors has 5"));
}

TEST_CASE("damaged checkpoints only are an error, none at all is not") {
  TemporaryDirectory directory;
  const std::string out = directory.path();
  std::vector<std::string> warnings;
  CHECK_FALSE(newest_valid(out, warnings).has_value());
  for (const std::int64_t step : {1, 2}) {
    overwrite(save(out, step) + "/config.json", "");
  }
  CHECK_THAT(error_text([&] { newest_valid(out, warnings); }),
             ContainsSubstring("damaged: " + out + ": none of the 2 checkpoints is valid"));
}

TEST_CASE("any flipped bit in any file is found") {
  const std::uint64_t seed = 11;
  CAPTURE(seed);
  TemporaryDirectory directory;
  const std::string path = save(directory.path(), 5);
  Random random(seed, RandomStream::kSynthetic);
  for (const char* name : {"model.safetensors", "state/optimizer.safetensors", "config.json"}) {
    const std::string file = path + "/" + name, good = read_file(file);
    for (int round = 0; round < 200; ++round) {
      std::string bad = good;
      bad[static_cast<std::size_t>(random.below(bad.size()))] ^=
          static_cast<char>(1 << random.below(8));
      overwrite(file, bad);
      if (!verify(path)) FAIL(name);
    }
    overwrite(file, good);
  }
  CHECK_FALSE(verify(path).has_value());
}

}  // namespace
}  // namespace llmops::checkpoint
