#include "config/load.h"

#include <sys/stat.h>

#include "base/file.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

namespace llmops::config {

namespace {
using Lines = std::vector<std::string>;
}

TEST_CASE("a file is laid on what it extends, key by key") {
  TemporaryDirectory directory;
  make_directories(directory.file("base"));
  write_file_durably(directory.file("base/low.yaml"), "a: 1\ns: {x: 1, y: [1, 2]}\n");
  write_file_durably(directory.file("base/mid.yaml"), "extends: low.yaml\ns: {x: 2}\n");
  write_file_durably(directory.file("top.yaml"), "extends: base/mid.yaml\ns: {y: [3]}\nb: 4\n");
  Problems problems;
  const LoadedFile file = load_file(directory.file("top.yaml"), problems);
  CHECK(problems.lines() == Lines{});
  CHECK(file.text == "extends: base/mid.yaml\ns: {y: [3]}\nb: 4\n");
  CHECK(file.root.find("extends") == nullptr);
  CHECK(file.root.find("a")->text == "1");
  CHECK(file.root.find("s")->find("x")->text == "2");
  CHECK(file.root.find("s")->find("y")->items.size() == 1);
  const SourceLocation& location = file.root.find("a")->location;
  CHECK(location.text() == directory.file("base/low.yaml") + ":1:4");
  CHECK(location.source->directory == directory.file("base"));
}

TEST_CASE("files that extend each other in a circle are refused") {
  TemporaryDirectory directory;
  write_file_durably(directory.file("a.yaml"), "extends: b.yaml\n");
  write_file_durably(directory.file("b.yaml"), "extends: ./a.yaml\n");
  write_file_durably(directory.file("c.yaml"), "extends: c.yaml\n");
  Problems problems;
  load_file(directory.file("a.yaml"), problems);
  CHECK(problems.lines() == Lines{directory.file("b.yaml") +
                                  ":1:10: extends: the files extend each other in a circle"});
  Problems itself;
  load_file(directory.file("c.yaml"), itself);
  CHECK(itself.count() == 1);
}

TEST_CASE("trouble with an extended file is shown where it is named") {
  TemporaryDirectory directory;
  const std::string path = directory.file("a.yaml");
  const auto problems_of = [&](std::string_view text) {
    write_file_durably(path, text);
    Problems problems;
    load_file(path, problems);
    return problems.lines();
  };
  CHECK(problems_of("extends: none.yaml") ==
        Lines{path + ":1:10: extends: cannot read " + directory.file("none.yaml") +
              ": No such file or directory"});
  CHECK(problems_of("extends: [a, b]") == Lines{path + ":1:10: extends: expected one file"});
  CHECK(problems_of("extends: .") ==
        Lines{path + ":1:10: extends: cannot read " + directory.path() + "/.: it is a directory"});
  CHECK(problems_of("[1, 2]") == Lines{path + ":1:1: expected keys, found a list"});
  CHECK(problems_of("hello") == Lines{path + ":1:1: expected keys, found a value"});
}

TEST_CASE("a file that cannot be read ends the command at once") {
  TemporaryDirectory directory;
  const std::string fifo = directory.file("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const auto error = [](const std::string& path) {
    return error_text([&] {
      Problems problems;
      load_file(path, problems);
    });
  };
  CHECK(error(fifo) == "usage: cannot read " + fifo + ": not a regular file");
  CHECK(error(directory.path()) ==
        "usage: cannot read " + directory.path() + ": it is a directory");
  CHECK(error("none.yaml") == "usage: cannot read none.yaml: No such file or directory");
  const std::string large = directory.file("large.yaml");
  write_file_durably(large, std::string((1 << 20) + 1, ' '));
  CHECK(error(large) == "usage: cannot read " + large + ": larger than 1048576 bytes");
}

}  // namespace llmops::config
