#include "config/yaml.h"

#include "tests/catch.h"

namespace llmops::config {

namespace {

const auto kSource = std::make_shared<Source>(Source{"f.yaml", ""});

std::vector<std::string> problems_of(std::string_view text) {
  Problems problems;
  parse_yaml(text, kSource, problems);
  return problems.lines();
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("scalars stay text and know their place") {
  Problems problems;
  const Node root = parse_yaml("a: off\nb:\n  - 3e-4\n  - \"7\"\nc: ~\n", kSource, problems);
  REQUIRE(problems.empty());
  CHECK(root.find("a")->text == "off");
  CHECK(root.find("b")->items[0].text == "3e-4");
  CHECK(root.find("b")->items[0].location.text() == "f.yaml:3:5");
  CHECK_FALSE(root.find("b")->items[0].quoted);
  CHECK(root.find("b")->items[1].quoted);
  CHECK(root.find("c")->kind == Node::Kind::kNull);
  CHECK(root.find("d") == nullptr);
}

TEST_CASE("an empty document is an empty map") {
  for (const char* text : {"", "# nothing\n", "---\n"}) {
    Problems problems;
    CHECK(parse_yaml(text, kSource, problems).kind == Node::Kind::kMap);
    CHECK(problems.empty());
  }
}

TEST_CASE("a duplicate key is refused with its whole path, and reading goes on") {
  CHECK(problems_of("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n") ==
        Lines{"f.yaml:4:3: b.c: the key appears twice in this section",
              "f.yaml:5:1: a: the key appears twice in this section"});
  CHECK(problems_of("l:\n- x: 1\n- y: 1\n  y: 2\n") ==
        Lines{"f.yaml:4:3: l.1.y: the key appears twice in this section"});
}

TEST_CASE("a second document is refused") {
  CHECK(problems_of("a: 1\n---\nb: 2\n") ==
        Lines{"f.yaml:2:1: a second document; a file holds one"});
}

TEST_CASE("aliases stand for a copy within the limits") {
  Problems problems;
  const Node root = parse_yaml("a: &x {k: 1}\nb: *x\n", kSource, problems);
  REQUIRE(problems.empty());
  CHECK(root.find("b")->find("k")->text == "1");
}

TEST_CASE("an alias bomb ends at ten thousand values") {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i <= 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    std::string line = "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 9; ++j) line += ", " + last;
    text += line + "]\n";
  }
  const Lines lines = problems_of(text);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("more than 10000 values (aliases expanded)") != std::string::npos);
}

TEST_CASE("an anchor that holds itself is refused") {
  CHECK(problems_of("a: &x [1, *x]\n") ==
        Lines{"f.yaml:1:11: an alias inside the value that it names"});
}

TEST_CASE("merge keys, tags and keys that are no text are refused") {
  CHECK(problems_of("a: &x {k: 1}\nb:\n  <<: *x\n") ==
        Lines{"f.yaml:3:3: <<: merge keys are not read; use extends"});
  CHECK(problems_of("a: !!python/object x\n") == Lines{"f.yaml:1:4: tags have no meaning here"});
  CHECK(problems_of("a: !!str 7\n").empty());
  CHECK(problems_of("? [a, b]\n: 1\n") == Lines{"f.yaml:1:3: a key must be text"});
}

TEST_CASE("nesting is bounded") {
  const auto nested = [](std::size_t depth) {
    return "a: " + std::string(depth, '[') + std::string(depth, ']') + "\n";
  };
  CHECK(problems_of(nested(63)).empty());
  CHECK(problems_of(nested(64)) == Lines{"f.yaml:1:67: nested deeper than 64 levels"});
  CHECK(problems_of(nested(400'000)) == Lines{"f.yaml:1:67: nested deeper than 64 levels"});
}

TEST_CASE("bytes that are no text are refused with their offset") {
  CHECK(problems_of("a: \xff\n") == Lines{"f.yaml: byte 3: not valid UTF-8"});
  CHECK(problems_of(std::string_view("a: \0b", 5)) == Lines{"f.yaml: byte 3: control byte 0x00"});
  CHECK(problems_of("a: 1\n\x04: 2\n") == Lines{"f.yaml: byte 5: control byte 0x04"});
  CHECK(problems_of("\xff\xfe"
                    "a") == Lines{"f.yaml: byte 0: UTF-16 text; save the file as UTF-8"});
  CHECK(problems_of("\xfe\xff"
                    "a") == Lines{"f.yaml: byte 0: UTF-16 text; save the file as UTF-8"});
  CHECK(problems_of("\xef\xbb\xbf"
                    "a: 1\n")
            .empty());
  CHECK(problems_of(std::string((1 << 20) + 1, ' ')) == Lines{"f.yaml: larger than 1048576 bytes"});
}

TEST_CASE("broken YAML is one problem with its place") {
  const Lines lines = problems_of("a: [1, 2\nb: 3\n");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("f.yaml:2:2: not valid YAML: "));
}

}  // namespace llmops::config
