#include "config/overrides.h"

#include <cstdlib>

#include "base/text.h"
#include "tests/catch.h"
#include "tests/unit/config/sample.h"

namespace llmops::config {

namespace {

using Lines = std::vector<std::string>;

Parsed with(std::string_view text, const Lines& assignments) {
  Parsed parsed;
  Node root = parse_yaml(text, std::make_shared<Source>(Source{"f.yaml", "conf"}), parsed.problems);
  apply_overrides(root, assignments, parsed.problems);
  parse(root, fields_of(parsed.sample), {}, parsed.origins, parsed.problems);
  return parsed;
}

}  // namespace

TEST_CASE("an assignment reaches into sections and lists") {
  const Parsed parsed =
      with("inner: {count: 1}\nparts: [{path: a}]\n",
           {"inner.rate=0.25", "parts.0.weight=2", "parts.1.path=b", "steps=5", "extra.on=yes"});
  CHECK(parsed.lines() == Lines{});
  CHECK(parsed.sample.inner.count == 1);
  CHECK(parsed.sample.inner.rate == 0.25);
  REQUIRE(parsed.sample.parts.size() == 2);
  CHECK(parsed.sample.parts[0].path == "conf/a");  // relative to the file
  CHECK(parsed.sample.parts[0].weight == 2);
  CHECK(parsed.sample.parts[1].path == "b");  // relative to the working directory
  CHECK(parsed.sample.steps == 5);
  CHECK(parsed.sample.extra->on);
  CHECK(parsed.origins.at("steps").location.text() == "command line");
}

TEST_CASE("null unsets and the last assignment wins") {
  const Parsed parsed = with("steps: 9\nname: a\n", {"steps=null", "name=b", "name=c=d"});
  CHECK_FALSE(parsed.sample.steps);
  CHECK(parsed.sample.name == "c=d");
}

TEST_CASE("a value stands for itself unless it begins like YAML") {
  const Parsed parsed = with("", {"name=*.txt # 1: x", "betas=[0.1, 0.2]", "tags=[\"a, b\", c]",
                                  "parts=[{path: x}, {path: y}]"});
  CHECK(parsed.lines() == Lines{});
  CHECK(parsed.sample.name == "*.txt # 1: x");
  CHECK(parsed.sample.betas == std::vector<double>{0.1, 0.2});
  CHECK(parsed.sample.tags == Lines{"a, b", "c"});
  CHECK(parsed.sample.parts.size() == 2);
  CHECK(with("", {"name=\"null\""}).sample.name == "null");
}

TEST_CASE("what is no assignment, or reaches nowhere, is refused") {
  CHECK(with("", {"steps"}).lines() == Lines{"command line: steps: not KEY=VALUE"});
  CHECK(with("", {"=3"}).lines() == Lines{"command line: =3: not KEY=VALUE"});
  CHECK(with("parts: [{path: a}]", {"parts.3.path=x"}).lines() ==
        Lines{"command line: parts.3.path: the list has 1 elements"});
  CHECK(with("", {"inner.cuont=1"}).lines() ==
        Lines{"command line: inner.cuont: unknown key; did you mean inner.count?"});
  CHECK(with("", {"inner=5"}).lines() ==
        Lines{"command line: inner: expected a section, found a value"});
  CHECK(with("", {"steps.x=5"}).lines() ==
        Lines{"command line: steps: expected a whole number, found a section"});
  CHECK(with("", {"name=\xff"}).lines() == Lines{"command line: name: not valid UTF-8"});
  CHECK(with("", {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q=1"}).lines() ==
        Lines{"command line: a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q: the key has too many parts"});
  CHECK(with("", {"=", "a..b=1", ".=1"}).problems.count() >= 3);
}

TEST_CASE("no value at all is refused, null is how a key is unset") {
  for (const char* typed : {"steps=", "steps= ", "name="}) {
    INFO(typed);
    const std::string key = std::string(typed).substr(0, std::string(typed).find('='));
    CHECK(with("steps: 9", {typed}).lines() ==
          Lines{"command line: " + key +
                ": no value; write null for the default, '' for an empty text"});
  }
  CHECK(with("", {"name=''"}).sample.name.empty());
}

TEST_CASE("what is wrong with an inline value is said with its key and column") {
  const auto problem = [](const char* typed) { return join(with("", {typed}).lines(), "\n"); };
  CHECK(problem("betas=[0.9, 0.95") == "command line: betas: the [ at column 7 is not closed");
  CHECK(problem("betas=  [0.9, [1]  ") == "command line: betas: the [ at column 9 is not closed");
  CHECK(problem("betas={[0.9}") == "command line: betas: the [ at column 8 is not closed");
  CHECK(problem("parts=[{path: a.txt]") == "command line: parts: the { at column 8 is not closed");
  CHECK(problem("betas=[0.9]]") == "command line: betas: the ] at column 12 closes nothing");
  CHECK(problem("name=\"a") == "command line: name: the \" at column 6 is not closed");
  CHECK(problem("tags=[\"a, ']") == "command line: tags: the \" at column 7 is not closed");
  CHECK(problem("tags=[it's, 'b]']").empty());
  CHECK(problem("betas=[0.5, x]") ==
        "command line: betas: 'x' is not a number (at least 0 and below 1)");
  CHECK(problem("parts=[{weight: 1, weight: 2}]") ==
        "command line: parts.0.weight: column 20: the key appears twice in this section");
  CHECK(problem("tags={[a]: 1}") == "command line: tags: column 7: a key must be text");
  CHECK(problem("name=[exp] lr=1").starts_with("command line: name: column "));
}

TEST_CASE("the value of an option is the text that was typed") {
  ::setenv("LLMOPS_TEST_WORD", "value", 1);
  const auto name = [](const char* typed) {
    Parsed parsed;
    Node root;
    root.kind = Node::Kind::kMap;
    apply_texts(root, std::vector<TypedText>{{"name", typed}}, parsed.problems);
    parse(root, fields_of(parsed.sample), {}, parsed.origins, parsed.problems);
    CHECK(parsed.lines() == Lines{});
    CHECK(parsed.origins.at("name").given.is_null());
    return parsed.sample.name;
  };
  for (const char* typed : {"[exp] lr=1", "null", "~", "", "no", "\"quoted\"", " a ", "# x",
                            "${env:LLMOPS_TEST_WORD}", "$${env:LLMOPS_TEST_WORD}", "${env:", "$"}) {
    INFO(typed);
    CHECK(name(typed) == typed);
  }
}

}  // namespace llmops::config
