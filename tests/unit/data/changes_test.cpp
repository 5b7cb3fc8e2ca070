#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "base/signal.h"
#include "data/dataset.h"
#include "data/documents.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/unit/data/scratch.h"

namespace llmops::data {

namespace {

// Does something once, at the first piece of text.
class Meddler : public DocumentSink {
 public:
  explicit Meddler(std::function<void()> act) : act_(std::move(act)) {}
  void text(std::string_view) override {
    if (act_) std::exchange(act_, nullptr)();
  }
  void end_document() override {}

 private:
  std::function<void()> act_;
};

void append(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND);
  REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::close(fd);
}

std::string json_rows(int count) {
  std::string rows;
  for (int i = 0; i < count; ++i) rows += "{\"text\":\"row " + std::to_string(i) + "\"}\n";
  return rows;
}

}  // namespace

TEST_CASE("a file that changes after it was found fails the command, whatever it holds then") {
  Scratch scratch;
  const std::string path = scratch.write("a.jsonl", json_rows(20'000));  // several blocks
  const ResolvedSource resolved = resolve_source(source(path), "data.train.0");
  const auto act = GENERATE(
      as<std::function<void(const std::string&)>>{},
      [](const std::string& file) { append(file, "not json\n"); },
      [](const std::string& file) { append(file, "{\"text\":\"more\"}\n"); },
      [](const std::string& file) { REQUIRE(::truncate(file.c_str(), 3) == 0); },
      [](const std::string& file) { remove_all(file); },
      [](const std::string& file) { write_file_durably(file, "new"); });
  const std::string expected =
      "failed: " + path + ": the file changed while it was read; run the command again";
  SECTION("before it is read") {
    act(path);
    Meddler sink(nullptr);
    CHECK(error_text([&] { read_documents(resolved, sink); }) == expected);
  }
  SECTION("while it is read") {
    Meddler sink([&] { act(path); });
    CHECK(error_text([&] { read_documents(resolved, sink); }) == expected);
  }
}

TEST_CASE("a text that is rewritten in place with size and time as before is read again") {
  Scratch scratch;
  const std::string path = scratch.write("a.txt", "some text");
  const std::string link = scratch.path("link.txt");
  REQUIRE(::symlink(path.c_str(), link.c_str()) == 0);
  const recipe::Recipe recipe = scratch.recipe({source(GENERATE_COPY(path, link))});
  std::string digest = prepare(recipe)->digest();
  for (const std::string_view text : {"SOME text", "SOME TEXT", "some text"}) {
    struct stat before {};
    REQUIRE(::stat(path.c_str(), &before) == 0);
    const int fd = ::open(path.c_str(), O_WRONLY);
    REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    const timespec times[2] = {before.st_atim, before.st_mtim};
    REQUIRE(::futimens(fd, times) == 0);
    ::close(fd);
    CHECK(prepare(recipe)->digest() != digest);
    digest = prepare(recipe)->digest();
  }
}

TEST_CASE("a file that changes between its scan and its tokenizing leaves no tokens") {
  Scratch scratch;
  const std::string path = scratch.write("a.txt", "some text");
  const recipe::Recipe recipe = scratch.recipe({source(path)});
  const auto error = error_of([&] {
    prepare(recipe, [&](const PrepareProgress& progress) {
      if (progress.what == "reading") append(path, ".");
    });
  });
  REQUIRE(error);
  CHECK(error->code() == ExitCode::kFailed);
  for (const std::string& name : list_directory(recipe.data.cache_dir)) {
    CHECK_FALSE(name.starts_with("tokens-"));
  }
  CHECK(prepare(recipe)->train_counts()[0].bytes == 10);
}

TEST_CASE("a token cache may be touched while it trains; a cut one is an error, then built again") {
  Scratch scratch;
  const recipe::Recipe recipe = scratch.recipe({source(scratch.write("a.txt", "some text"))});
  const auto dataset = prepare(recipe);
  const auto batches = dataset->train_batches();
  Batch batch;
  batches->read(0, 1, batch);
  const std::vector<std::int32_t> targets = batch.targets;
  std::string path;
  for (const std::string& name : list_directory(recipe.data.cache_dir)) {
    if (name.starts_with("tokens-")) path = scratch.path("cache/" + name);
  }
  const timespec old[2] = {{1, 0}, {1, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), old, 0) == 0);
  batches->read(0, 1, batch);
  CHECK(batch.targets == targets);
  REQUIRE(::truncate(path.c_str(), 0) == 0);
  const auto error = error_of([&] { batches->read(0, 1, batch); });
  REQUIRE(error);
  CHECK(error->code() == ExitCode::kDamaged);
  prepare(recipe)->train_batches()->read(0, 1, batch);
  CHECK(batch.targets == targets);
}

}  // namespace llmops::data
