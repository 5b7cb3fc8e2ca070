#include "config/parse.h"

#include <cstdlib>

#include "config/write_yaml.h"
#include "tests/catch.h"
#include "tests/unit/config/sample.h"

namespace llmops::config {

namespace {
using Lines = std::vector<std::string>;

enum class Color { kRed, kGreen };
constexpr EnumName<Color> kColors[] = {{Color::kRed, "red"}, {Color::kGreen, "green"}};
constexpr std::span<const EnumName<Color>> names_of(Color) {
  return kColors;
}
struct Painted {
  Color color = Color::kRed;
  void fields(Visitor& v) { v.field("color", color, "A color."); }
};

Lines problems_of(std::string_view text) {
  return parse_sample(text).lines();
}
}  // namespace

TEST_CASE("numbers are written as people write them") {
  const Parsed parsed = parse_sample(
      "steps: 1_000_000\n"
      "inner: {rate: 10%, count: 7}\n"
      "betas: [3e-4, .5]\n"
      "limit: 90m\n");
  CHECK(parsed.lines() == Lines{});
  CHECK(parsed.sample.steps == 1000000);
  CHECK(parsed.sample.inner.rate == 0.1);
  CHECK(parsed.sample.betas == std::vector<double>{3e-4, 0.5});
  CHECK(parsed.sample.limit->seconds == 5400);
}

TEST_CASE("yes, no, on and off are booleans for boolean keys only") {
  for (const char* word : {"true", "yes", "on", "True", "ON"}) {
    CHECK(parse_sample(std::string("inner: {on: ") + word + "}").sample.inner.on);
  }
  CHECK(problems_of("inner: {on: off}").empty());
  CHECK(parse_sample("name: no").sample.name == "no");
  CHECK(parse_sample("tags: [off, 7, ~x]").sample.tags == Lines{"off", "7", "~x"});
  CHECK(problems_of("inner: {on: 1}") == Lines{"f.yaml:1:13: inner.on: '1' is not true or false"});
}

TEST_CASE("a wrong type names key, value and range") {
  CHECK(problems_of("inner: {count: abc}") ==
        Lines{"f.yaml:1:16: inner.count: 'abc' is not a whole number (between 1 and 1000000)"});
  CHECK(problems_of("inner: {count: 1e3}") ==
        Lines{"f.yaml:1:16: inner.count: '1e3' is not a whole number (between 1 and 1000000); "
              "write 1000"});
  CHECK(problems_of("inner: {count: 2.5}") ==
        Lines{"f.yaml:1:16: inner.count: '2.5' is not a whole number (between 1 and 1000000)"});
  CHECK(
      problems_of("inner: {count: 99999999999999999999}") ==
      Lines{"f.yaml:1:16: inner.count: '99999999999999999999' is not a whole number (between 1 and "
            "1000000)"});
  CHECK(
      problems_of("inner: {count: \"7\"}") ==
      Lines{
          "f.yaml:1:16: inner.count: '7' is not a whole number (between 1 and 1000000); write 7"});
  CHECK(problems_of("inner: {count: [1]}") ==
        Lines{"f.yaml:1:16: inner.count: expected a whole number, found a list"});
  CHECK(problems_of("limit: soon") ==
        Lines{"f.yaml:1:8: limit: 'soon' is not a duration such as 90m (above 0)"});
}

TEST_CASE("what could be octal is refused, not guessed") {
  CHECK(problems_of("steps: 010") ==
        Lines{"f.yaml:1:8: steps: '010' could be octal; write it without leading zeros"});
  CHECK(problems_of("inner: {rate: 00}") ==
        Lines{"f.yaml:1:15: inner.rate: '00' could be octal; write it without leading zeros"});
  CHECK(problems_of("steps: 0x10").size() == 1);
  CHECK(problems_of("steps: 0o10").size() == 1);
  CHECK(parse_sample("name: 010").sample.name == "010");
}

TEST_CASE("NaN, infinities and values outside their range are refused") {
  for (const char* word : {".nan", "nan", ".inf", "-.inf", "inf", "1e999"}) {
    INFO(word);
    CHECK(problems_of(std::string("inner: {rate: ") + word + "}") ==
          Lines{std::string("f.yaml:1:15: inner.rate: '") + word +
                "' is not a number (at least 0 and below 1)"});
  }
  CHECK(problems_of("inner: {rate: 1}") ==
        Lines{"f.yaml:1:15: inner.rate: must be at least 0 and below 1, is 1"});
  CHECK(problems_of("inner: {count: -1}") ==
        Lines{"f.yaml:1:16: inner.count: must be between 1 and 1000000, is -1"});
  CHECK(problems_of("limit: 0s") == Lines{"f.yaml:1:8: limit: must be above 0, is 0s"});
  CHECK(problems_of("betas: [0.5, 1.5]") ==
        Lines{"f.yaml:1:14: betas: must be at least 0 and below 1, is 1.5"});
}

TEST_CASE("a name that is not one of the choices gets the nearest") {
  CHECK(problems_of("inner: {shape: sqare}") ==
        Lines{"f.yaml:1:16: inner.shape: 'sqare' is not one of round, square; did you mean "
              "square?"});
}

TEST_CASE("an unknown key gets the nearest, the same name elsewhere first") {
  CHECK(problems_of("inner: {cuont: 1}") ==
        Lines{"f.yaml:1:9: inner.cuont: unknown key; did you mean inner.count?"});
  CHECK(problems_of("rate: 1") == Lines{"f.yaml:1:1: rate: unknown key; did you mean inner.rate?"});
  CHECK(problems_of("inner: {betsa: 1}") ==
        Lines{"f.yaml:1:9: inner.betsa: unknown key; did you mean betas?"});
  CHECK(problems_of("qqqqq: 1") == Lines{"f.yaml:1:1: qqqqq: unknown key"});
  CHECK(problems_of("\"\\e[31m\": 1") == Lines{"f.yaml:1:1: \\x1b[31m: unknown key"});
}

TEST_CASE("advice on a key comes before guesses") {
  Problems problems;
  Origins origins;
  Sample sample;
  const Node root = parse_yaml("rate: 1", std::make_shared<Source>(Source{"f.yaml", ""}), problems);
  ParseOptions options;
  options.advise = [](std::string_view key) {
    return std::optional("ask about " + std::string(key));
  };
  parse(root, fields_of(sample), options, origins, problems);
  CHECK(problems.lines() == Lines{"f.yaml:1:1: rate: unknown key; ask about rate"});
}

TEST_CASE("sections and lists must be what they are") {
  CHECK(problems_of("inner: 3") == Lines{"f.yaml:1:8: inner: expected a section, found a value"});
  CHECK(problems_of("parts: {path: x}") ==
        Lines{"f.yaml:1:8: parts: expected a list of sections, found a section"});
  CHECK(problems_of("parts: [x]") ==
        Lines{"f.yaml:1:9: parts.0: expected a section, found a value"});
  CHECK(problems_of("betas: 0.5") ==
        Lines{"f.yaml:1:8: betas: expected a list of numbers, found a value; write [0.5]"});
  CHECK(problems_of("parts: [{weight: 1}, {wieght: 1}]") ==
        Lines{"f.yaml:1:23: parts.1.wieght: unknown key; did you mean parts.1.weight?"});
}

TEST_CASE("all problems come at once, in the order of the file") {
  CHECK(problems_of("x1: 1\ninner:\n  count: no\n  rate: 7\nx2: 1\n") ==
        Lines{"f.yaml:1:1: x1: unknown key",
              "f.yaml:3:10: inner.count: 'no' is not a whole number (between 1 and 1000000)",
              "f.yaml:4:9: inner.rate: must be at least 0 and below 1, is 7",
              "f.yaml:5:1: x2: unknown key"});
}

TEST_CASE("a hundred problems are shown and the rest is counted") {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "unknown_key_" + std::to_string(i) + ": 1\n";
  const Lines lines = problems_of(text);
  CHECK(lines.size() == 101);
  CHECK(lines.back() == "and 1900 more");
}

TEST_CASE("null means the default; a section that may be absent stays absent") {
  const Parsed parsed =
      parse_sample("name: null\nsteps: ~\nextra: null\nparts: null\ninner: null\n");
  CHECK(parsed.lines() == Lines{});
  CHECK(parsed.sample == Sample{});
  CHECK(parsed.origins.empty());
  CHECK(parse_sample("extra: {}").sample.extra == Inner{});
}

TEST_CASE("paths of a file are relative to the file") {
  CHECK(parse_sample("parts: [{path: a.txt}]", "conf").sample.parts[0].path == "conf/a.txt");
  CHECK(parse_sample("parts: [{path: /a.txt}]", "conf").sample.parts[0].path == "/a.txt");
  CHECK(parse_sample("parts: [{path: a.txt}]", "").sample.parts[0].path == "a.txt");
  CHECK(parse_sample("name: a.txt", "conf").sample.name == "a.txt");
}

TEST_CASE("the environment is expanded, and kept unexpanded beside a digest") {
  ::setenv("LLMOPS_TEST_PLACE", "spain", 1);
  const Parsed parsed = parse_sample("name: in ${env:LLMOPS_TEST_PLACE}!");
  CHECK(parsed.sample.name == "in spain!");
  const Origin& origin = parsed.origins.at("name");
  CHECK(origin.given == Json("in ${env:LLMOPS_TEST_PLACE}!"));
  // printf spain | sha256sum
  CHECK(origin.variables ==
        Lines{"LLMOPS_TEST_PLACE=sha256:"
              "4c799454ccf37279d378848bf41ad9ee12cc4f3d2a4740a54b42412c36af60c0"});
  CHECK(problems_of("name: ${env:LLMOPS_TEST_MISSING}") ==
        Lines{"f.yaml:1:7: name: the environment variable LLMOPS_TEST_MISSING is not set"});
  CHECK(problems_of("name: ${env:}") ==
        Lines{"f.yaml:1:7: name: a reference to the environment is written ${env:NAME}"});
}

TEST_CASE("the type of a reference comes from its key, quoted or not") {
  ::setenv("LLMOPS_TEST_NUMBER", "7", 1);
  ::setenv("LLMOPS_TEST_SWITCH", "on", 1);
  const Parsed parsed = parse_sample(
      "steps: \"${env:LLMOPS_TEST_NUMBER}\"\n"
      "inner: {count: '1${env:LLMOPS_TEST_NUMBER}', on: '${env:LLMOPS_TEST_SWITCH}'}\n"
      "betas: [0.5, '0.${env:LLMOPS_TEST_NUMBER}']\n"
      "tags: ['a=${env:LLMOPS_TEST_NUMBER}', b]\n");
  CHECK(parsed.lines() == Lines{});
  CHECK(parsed.sample.steps == 7);
  CHECK(parsed.sample.inner.count == 17);
  CHECK(parsed.sample.inner.on);
  CHECK(parsed.sample.betas == std::vector<double>{0.5, 0.7});
  CHECK(parsed.sample.tags == Lines{"a=7", "b"});
  CHECK(parsed.origins.at("tags").given.dump() == R"(["a=${env:LLMOPS_TEST_NUMBER}","b"])");
  const Parsed again = parse_sample(write_yaml(fields_of(parsed.sample), parsed.origins));
  CHECK(again.lines() == Lines{});
  CHECK(again.sample == parsed.sample);
}

TEST_CASE("a path from the environment is kept as written, from the folder of its file") {
  ::setenv("LLMOPS_TEST_PLACE", "a", 1);
  const Parsed parsed = parse_sample("parts: [{path: '${env:LLMOPS_TEST_PLACE}.txt'}]", "conf");
  CHECK(parsed.sample.parts[0].path == "conf/a.txt");
  CHECK(parsed.origins.at("parts.0.path").given == Json("conf/${env:LLMOPS_TEST_PLACE}.txt"));
  ::setenv("LLMOPS_TEST_PLACE", "/a", 1);
  const Parsed whole = parse_sample("parts: [{path: '${env:LLMOPS_TEST_PLACE}.txt'}]", "conf");
  CHECK(whole.sample.parts[0].path == "/a.txt");
  CHECK(whole.origins.at("parts.0.path").given == Json("${env:LLMOPS_TEST_PLACE}.txt"));
}

TEST_CASE("a message does not show what the environment holds") {
  ::setenv("LLMOPS_TEST_WORD", "hidden", 1);
  CHECK(
      problems_of("steps: ${env:LLMOPS_TEST_WORD}") ==
      Lines{
          "f.yaml:1:8: steps: the value of ${env:LLMOPS_TEST_WORD} is not a whole number (at least "
          "1)"});
  ::setenv("LLMOPS_TEST_WORD", "-77", 1);
  CHECK(problems_of("steps: ${env:LLMOPS_TEST_WORD}") ==
        Lines{"f.yaml:1:8: steps: must be at least 1, the value of ${env:LLMOPS_TEST_WORD} is "
              "not"});
  for (const char* text :
       {"betas: ${env:LLMOPS_TEST_WORD}", "inner: {on: '${env:LLMOPS_TEST_WORD}'}",
        "inner: {shape: '${env:LLMOPS_TEST_WORD}'}"}) {
    INFO(text);
    const Lines lines = problems_of(text);
    CHECK(lines.size() == 1);
    CHECK(lines[0].find("-77") == std::string::npos);
  }
}

TEST_CASE("a credential written out is refused and not repeated") {
  const Lines lines = problems_of("name: sk-abcdefghij0123456789klmnop");
  CHECK(lines == Lines{"f.yaml:1:7: name: this looks like a credential; name an environment "
                       "variable: ${env:NAME}"});
}

TEST_CASE("every value that was given has its origin") {
  const Parsed parsed = parse_sample("inner: {count: 7}\nparts: [{weight: 2}]\n");
  CHECK(parsed.origins.size() == 2);
  CHECK(parsed.origins.at("inner.count").location.text() == "f.yaml:1:16");
  CHECK(parsed.origins.at("parts.0.weight").location.text() == "f.yaml:2:18");
}

TEST_CASE("an enum has its names in files, in messages and in every view") {
  const auto read = [](std::string_view text) {
    Painted painted;
    Origins origins;
    Problems problems;
    const Node root = parse_yaml(text, std::make_shared<Source>(Source{"f.yaml", ""}), problems);
    parse(root, fields_of(painted), {}, origins, problems);
    return std::pair(painted, problems.lines());
  };
  CHECK(read("color: green").first.color == Color::kGreen);
  const auto [unchanged, lines] = read("color: gren");
  CHECK(unchanged.color == Color::kRed);
  CHECK(lines == Lines{"f.yaml:1:8: color: 'gren' is not one of red, green; did you mean green?"});
  CHECK(read("color: [red]").second == Lines{"f.yaml:1:8: color: expected text, found a list"});

  Painted green{Color::kGreen};
  CHECK(write_yaml(fields_of(green), {}) == "color: green\n");
  CHECK(settings(fields_of(green)).front().value == Json("green"));
  const Key key = keys(fields_of(green)).front();
  CHECK(key.type == "text");
  CHECK(key.default_text == "green");
  CHECK(key.rule.choices == std::vector<std::string_view>{"red", "green"});
}

}  // namespace llmops::config
