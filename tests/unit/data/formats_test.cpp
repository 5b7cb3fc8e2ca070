#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "data/dataset.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/unit/data/scratch.h"

namespace llmops::data {

namespace {

using Documents = std::vector<std::string>;

Documents read(const Scratch& scratch, std::string_view name, std::string_view content,
               const std::string& field = "text") {
  recipe::Source file = source(scratch.write(name, content));
  file.field = field;
  return documents_of(file);
}

// Without the folder and the remedy.
std::string complaint(const Scratch& scratch, std::string_view name, std::string_view content) {
  const std::string text = error_text([&] { read(scratch, name, content); });
  const std::string path = scratch.path(name);
  const std::size_t at = text.find(path);
  REQUIRE(at != std::string::npos);
  const std::size_t begin = at + path.size() - name.size();
  return text.substr(begin, text.find(';') - begin);
}

// Has another file as standard input.
class StandardInput {
 public:
  explicit StandardInput(int fd) : before_(::dup(STDIN_FILENO)) {
    if (fd < 0) {
      ::close(STDIN_FILENO);
    } else {
      ::dup2(fd, STDIN_FILENO);
      ::close(fd);
    }
  }
  ~StandardInput() {
    ::dup2(before_, STDIN_FILENO);
    ::close(before_);
  }

 private:
  int before_;
};

}  // namespace

TEST_CASE("a json array gives the field of its objects, wherever blocks and brackets lie") {
  Scratch scratch;
  CHECK(complaint(scratch, "a.json", "[]\n") == "a.json: no text");
  CHECK(read(scratch, "a.json", "\xEF\xBB\xBF [ {\"text\":\"a\"} ]\r\n") == Documents{"a"});
  CHECK(read(scratch, "a.json",
             "[\n  {\n    \"text\": \"}]\\\"{[\\\\\",\n    \"n\": [{\"text\": [1, {}]}]\n  },\n"
             "  {\"text\": \"\"},\n  {\"x\": {\"text\": \"no\"}, \"text\": \"a\\u00e9\\n\"}\n]") ==
        Documents{"}]\"{[\\", "a\xC3\xA9\n"});
  // An object that begins anywhere near the end of a block, and many of them.
  for (std::size_t shift = 65'480; shift < 65'540; ++shift) {
    const std::string space(shift, ' ');
    CHECK(read(scratch, "a.json", "[{\"text\":\"a\"}" + space + ",{\"text\":\"\xC3\xA9\"}]") ==
          Documents{"a", "\xC3\xA9"});
  }
  std::string many = "[";
  for (int i = 0; i < 20'000; ++i) many += "{\"text\":\"" + std::to_string(i) + "\"},";
  many.back() = ']';
  const Documents all = read(scratch, "a.json", many);
  CHECK(all.size() == 20'000);
  CHECK(all.back() == "19999");
}

TEST_CASE("a json file that is not an array of objects names the position") {
  Scratch scratch;
  const auto wrong = [&](std::string_view content) {
    return complaint(scratch, "a.json", content);
  };
  CHECK(wrong("") == "a.json:1:1: not an array of objects");
  CHECK(wrong("\n {\"text\":\"a\"}\n") == "a.json:2:2: not an array of objects");
  CHECK(wrong("[\n1]") == "a.json:2:1: the element is not an object");
  CHECK(wrong("[\"text\"]") == "a.json:1:2: the element is not an object");
  CHECK(wrong("[,]") == "a.json:1:2: the element is not an object");
  CHECK(wrong("[{\"text\":\"a\"},]") == "a.json:1:15: the element is not an object");
  CHECK(wrong("[") == "a.json:1:2: the array is not closed");
  CHECK(wrong("[{\"text\":\"a\"}") == "a.json:1:14: the array is not closed");
  CHECK(wrong("[{\"text\":\"a\"},\n") == "a.json:2:1: the array is not closed");
  CHECK(wrong("[{\"text\":\"a\"}\n{}]") == "a.json:2:1: expected ',' or ']'");
  CHECK(wrong("[{\"text\":\"a\"}]\n[]") == "a.json:2:1: text after the array");
  CHECK(wrong("[\n\n  {\"text\":[") == "a.json:3:3: the object that begins here is not closed");
  CHECK(wrong("[{\"text\":\"a\"},\n{\n\"body\":\"a\"}]") == "a.json:2: no field \"text\"");
  CHECK(wrong("[\n{\"text\":1}]") == "a.json:2: field \"text\" is not a string");
  CHECK_THAT(wrong("[\n{\"text\":[}]"), ContainsSubstring("a.json:2: byte 9: not valid JSON"));
  CHECK_THAT(wrong("[\n{\"text\":\"\xFF\"}]"), ContainsSubstring("a.json:2: byte 9: not valid"));
}

TEST_CASE("a field may lie within objects; a name with dots comes first") {
  Scratch scratch;
  const std::string rows =
      "{\"meta\":{\"text\":\"inner\",\"a.b\":\"dotted\"}}\n"
      "{\"meta\":{\"text\":\"inner\",\"a.b\":\"1\"},\"meta.text\":\"literal\",\"meta.a\":{\"b\":"
      "\"2\"}}\n";
  CHECK(read(scratch, "a.jsonl", rows, "meta.text") == Documents{"inner", "literal"});
  CHECK(read(scratch, "a.jsonl", rows, "meta.a.b") == Documents{"dotted", "1"});
  CHECK(read(scratch, "a.json", "[{\"meta\":{\"text\":\"a\"}}]", "meta.text") == Documents{"a"});
  for (const char* field : {"meta", "meta.none", "meta.text.x", ".text", "meta."}) {
    CAPTURE(field);
    CHECK_THAT(error_text([&] { read(scratch, "a.jsonl", rows, field); }),
               ContainsSubstring("a.jsonl:1: "));
  }
}

TEST_CASE("tab-separated fields may be quoted; a quote within a field is text") {
  Scratch scratch;
  CHECK(read(scratch, "a.tsv", "id\ttext\n1\ta, \"b\" c\n2\t\"x\ty \"\"z\"\"\n\"\n3\t\n") ==
        Documents{"a, \"b\" c", "x\ty \"z\"\n"});
  CHECK(complaint(scratch, "a.tsv", "id,text\n") == "a.tsv:1: no column \"text\"");
  CHECK(complaint(scratch, "a.tsv", "id\ttext\n1\n") == "a.tsv:2: 1 fields where the header has 2");
  CHECK(complaint(scratch, "a.tsv", "text\n\"a\" b\n") == "a.tsv:2: text after a closing quote");
}

TEST_CASE("notes and programs are text by their ending, alone and in a folder") {
  Scratch scratch;
  for (const char* name : {"a.md", "a.py", "a.cpp", "a.rs", "a.tex", "a.md.gz"}) {
    CAPTURE(name);
    const std::string path = scratch.write(name, "");
    CHECK(resolve_source(source(path), "data.train.0").files.at(0).format == Format::kText);
  }
  scratch.write("folder/b.md", "# b\n");
  scratch.write("folder/c.json", "[{\"text\":\"c\"}]");
  scratch.write("folder/d.py", "d = 1\n");
  scratch.write("folder/e.bin", "e");
  scratch.write("folder/md", "f");
  CHECK(documents_of(source(scratch.path("folder"))) == Documents{"# b\n", "c", "d = 1\n"});
}

TEST_CASE("text to evaluate may come from the standard input, and nothing else may") {
  const auto tokenizer = tokenizer::make_byte_tokenizer();
  recipe::Source input = source("-");
  const auto tokens = [&](std::string_view text) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    REQUIRE(::write(ends[1], text.data(), text.size()) == std::ssize(text));
    ::close(ends[1]);
    const StandardInput pipe(ends[0]);
    return open_eval_file(input, *tokenizer,
                          {4, recipe::Packing::kStream, recipe::Overlength::kSplit, false})
        ->eval_counts()[0]
        .tokens;
  };
  CHECK(tokens("some text") == 9);
  CHECK(error_text([&] { tokens(""); }) == "usage: standard input: no text; every file is empty");
  CHECK_THAT(error_text([&] { tokens("a\n\xFF"); }),
             ContainsSubstring("usage: standard input:2:1: invalid UTF-8"));
  input.format = "jsonl";
  CHECK(tokens("{\"text\":\"some\"}\n") == 4);
  {
    const StandardInput closed(-1);
    CHECK(error_text([&] { open_eval_file(input, *tokenizer, {4}); }) ==
          "usage: the standard input is closed");
  }
  const StandardInput folder(::open("/", O_RDONLY));
  CHECK_THAT(error_text([&] { open_eval_file(input, *tokenizer, {4}); }),
             ContainsSubstring("Is a directory"));
}

}  // namespace llmops::data
