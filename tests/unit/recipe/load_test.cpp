#include "recipe/load.h"

#include <cstdlib>

#include "base/file.h"
#include "base/text.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"
#include "tests/unit/recipe/sound.h"

namespace llmops::recipe {

namespace {

using Lines = std::vector<std::string>;

// Loads a text as DIR/r.yaml.
struct Loader {
  TemporaryDirectory directory;
  std::string path = directory.file("r.yaml");

  LoadedRecipe operator()(std::string_view text, const Lines& overrides = {}) const {
    write_file_durably(path, text);
    return load_recipe(path, overrides);
  }
  // Problems without the folder's name.
  Lines problems(std::string_view text, const Lines& overrides = {}) const {
    Lines lines = (*this)(text, overrides).problems.lines();
    for (std::string& line : lines) {
      if (line.starts_with(directory.path() + "/")) line.erase(0, directory.path().size() + 1);
    }
    return lines;
  }
};

}  // namespace

TEST_CASE("all problems of a recipe come at once, each with its place and remedy") {
  const Loader load;
  CHECK(
      load.problems("version: 1\n"
                    "lr: 3\n"
                    "model:\n"
                    "  arch: gtp2\n"
                    "  n_layer: 4\n"
                    "data:\n"
                    "  train: [{path: a.txt}]\n"
                    "train:\n"
                    "  max_steps: 1e3\n"
                    "  learning_rate: 3e-4\n"
                    "  micro_batch_size: 010\n"
                    "  precision: off\n"
                    "optimizer:\n"
                    "  beats: [0.9, 0.95]\n"
                    "  weight_decay: 1\n"
                    "  weight_decay: 2\n"
                    "eval:\n"
                    "  eval_steps: 5\n"
                    "resume: auto\n",
                    {"seed=-1", "train.foo=3"}) ==
      Lines{"r.yaml:2:1: lr: unknown key; use optimizer.learning_rate",
            "r.yaml:4:9: model.arch: 'gtp2' is not one of gpt2, llama, mistral; did you mean gpt2?",
            "r.yaml:5:3: model.n_layer: unknown key; use model.config.num_hidden_layers",
            "r.yaml:9:14: train.max_steps: '1e3' is not a whole number (between 1 and "
            "1000000000000); "
            "write 1000",
            "r.yaml:10:3: train.learning_rate: unknown key; did you mean optimizer.learning_rate?",
            "r.yaml:11:21: train.micro_batch_size: '010' could be octal; write it without leading "
            "zeros",
            "r.yaml:12:14: train.precision: 'off' is not one of auto, fp32, bf16-mixed",
            "r.yaml:14:3: optimizer.beats: unknown key; did you mean optimizer.betas?",
            "r.yaml:16:3: optimizer.weight_decay: the key appears twice in this section",
            "r.yaml:18:15: eval.eval_steps: needs data.eval or data.eval_split",
            "r.yaml:19:1: resume: unknown key; resume with llmops train --resume auto",
            "command line: seed: must be at least 0, is -1",
            "command line: train.foo: unknown key"});
}

TEST_CASE("a section that could not be read gives no ground for complaints about others") {
  const Loader load;
  // Neither "give at least one source" nor "give one of max_steps": both were meant to be there.
  CHECK(
      load.problems("data: {train: oops}\ntrain: {max_steps: x}\neval: {eval_steps: 5}\n") ==
      Lines{
          "r.yaml:1:15: data.train: expected a list of sections, found a value",
          "r.yaml:2:20: train.max_steps: 'x' is not a whole number (between 1 and 1000000000000)"});
}

TEST_CASE("a rule across sections is shown at the key it names") {
  const Loader load;
  CHECK(load.problems(kSound + "  global_batch_size: 12\n") ==
        Lines{"r.yaml:6:22: train.global_batch_size: 12 is not a multiple of micro_batch_size 8"});
  CHECK(load.problems("version: 1\n") ==
        Lines{"r.yaml: data.train: give at least one source of text",
              "r.yaml: train: give one of max_steps, epochs, max_tokens or max_time"});
  CHECK(load.problems(kSound, {"data.eval_split=0.1", "data.eval.0.path=b"}) ==
        Lines{"command line: data.eval_split: give either data.eval or data.eval_split, not both"});
}

TEST_CASE("an unsound recipe ends a command with one line per problem") {
  const Loader load;
  const auto error = error_of([&] { load("version: 1\n").require_sound(); });
  REQUIRE(error);
  CHECK(error->code() == ExitCode::kUsage);
  CHECK(split(error->what(), '\n').size() == 2);
  load(kSound).require_sound();
}

TEST_CASE("the version must be one that this program reads") {
  CHECK(Loader().problems("version: 2\n" + kSound.substr(kSound.find('\n') + 1)) ==
        Lines{"r.yaml:1:10: version: must be 1, is 2"});
}

TEST_CASE("the resolved text reads back as the same recipe") {
  const Loader load;
  ::setenv("LLMOPS_TEST_RUN", "secret name", 1);
  const LoadedRecipe first =
      load(kSound + "logging: {run_name: '${env:LLMOPS_TEST_RUN}', tags: ['a=b, c']}\n",
           {"train.max_time=90m", "data.train.1.synth.kind=copy", "optimizer.betas=[0.8, 0.9]",
            "expect=[\"train/loss <= 3\"]"});
  CHECK(first.problems.lines() == Lines{});
  CHECK(first.recipe.logging.run_name == "secret name");
  const LoadedRecipe second = load(first.resolved);
  INFO(first.resolved);
  CHECK(second.problems.lines() == Lines{});
  CHECK(second.identity.settings_digest() == first.identity.settings_digest());
  CHECK(second.resolved == first.resolved);
  CHECK(first.resolved.find("secret name") == std::string::npos);
}

TEST_CASE("what a run stores holds every value that is set, and none of the environment") {
  const Loader load;
  ::setenv("LLMOPS_TEST_RUN", "secret name", 1);
  const LoadedRecipe loaded = load(kSound + "logging: {run_name: '${env:LLMOPS_TEST_RUN}'}\n");
  const auto value = [](const auto& list, std::string_view key) {
    for (const auto& [name, json] : list) {
      if (name == key) return json.dump();
    }
    return std::string("absent");
  };
  CHECK(value(loaded.params, "logging.run_name") == "\"${env:LLMOPS_TEST_RUN}\"");
  CHECK(value(loaded.params, "train.max_steps") == "10");
  CHECK(value(loaded.params, "train.epochs") == "absent");
  CHECK(loaded.given.starts_with("version: 1\n"));
}

TEST_CASE("the digest stands for what changes the result") {
  const Loader load;
  const std::string unset = load(kSound).identity.settings_digest();
  for (const char* free :
       {"train.max_steps=20", "output_dir=x", "logging.run_name=x", "data.train.0.path=b.txt",
        "train.threads=1", "checkpoint.save_steps=7"}) {
    INFO(free);
    CHECK(load(kSound, {free}).identity.settings_digest() == unset);
  }
  for (const char* change :
       {"seed=7", "model.arch=llama", "train.micro_batch_size=4", "optimizer.learning_rate=3e-4",
        "data.train.0.weight=2", "tokenizer.type=char", "train.precision=fp32"}) {
    INFO(change);
    CHECK(load(kSound, {change}).identity.settings_digest() != unset);
  }
}

TEST_CASE("a value that would follow when left out is not identity") {
  const Loader load;
  for (const char* follows :
       {"model.config.num_key_value_heads=4", "model.config.head_dim=32",
        "model.config.intermediate_size=512", "model.config.max_position_embeddings=256",
        "model.config.tie_word_embeddings=true", "model.config.bias=true",
        "lr_scheduler.warmup_steps=0", "lr_scheduler.warmup_ratio=0", "seed=42"}) {
    INFO(follows);
    const LoadedRecipe loaded = load(kSound, {follows});
    CHECK(loaded.problems.lines() == Lines{});
    CHECK(loaded.identity.settings.dump() == R"({"data.train":1})");
    CHECK(loaded.identity.settings_digest() == load(kSound).identity.settings_digest());
  }
  CHECK(load(kSound, {"model.config.intermediate_size=256"}).identity.settings.dump() ==
        R"({"model.config.intermediate_size":256,"data.train":1})");
}

TEST_CASE("paths are relative to the file, on the command line to the working directory") {
  const Loader load;
  CHECK(load(kSound).recipe.data.train[0].path == load.directory.file("a.txt"));
  CHECK(load(kSound, {"data.train.0.path=b.txt"}).recipe.data.train[0].path == "b.txt");
  CHECK(load(kSound).recipe.output_dir == "out");
}

TEST_CASE("a name without a folder may be a carried recipe") {
  const LoadedRecipe loaded = load_recipe("quickstart");
  CHECK(loaded.problems.lines() == Lines{});
  CHECK(loaded.recipe.data.train[0].synth->kind == "stories");
  CHECK(error_text([] { load_recipe("quikstart"); }) ==
        "usage: no such recipe: quikstart; did you mean quickstart?");
  CHECK(error_text([] { load_recipe("nothing.yaml"); }) ==
        "usage: cannot read nothing.yaml: No such file or directory");
  CHECK(error_text([] { load_recipe("/"); }) == "usage: cannot read /: it is a directory");
}

}  // namespace llmops::recipe
