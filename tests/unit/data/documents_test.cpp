#include "data/documents.h"

#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/unit/data/scratch.h"

namespace llmops::data {

namespace {

using Documents = std::vector<std::string>;

Documents read_as(const Scratch& scratch, std::string_view kind, std::string_view content) {
  recipe::Source text = source(scratch.write("a.txt", content));
  text.document = kind;
  return documents_of(text);
}

std::string complaint(const Scratch& scratch, std::string_view name, std::string_view content,
                      std::string_view document = "auto") {
  recipe::Source bad = source(scratch.write(name, content));
  bad.document = document;
  std::string text = error_text([&] { documents_of(bad); });
  const std::string folder = scratch.path();
  for (std::size_t at = 0; (at = text.find(folder)) != std::string::npos;) {
    text.erase(at, folder.size());
  }
  return text;
}

}  // namespace

TEST_CASE("a document is a file, a line or a paragraph") {
  Scratch scratch;
  const std::string text = "one\ntwo\n\n \t\n\nthree\nfour";
  CHECK(read_as(scratch, "auto", text) == Documents{text});
  CHECK(read_as(scratch, "file", text) == Documents{text});
  CHECK(read_as(scratch, "line", text) == Documents{"one\n", "two\n", "three\n", "four\n"});
  CHECK(read_as(scratch, "paragraph", text) == Documents{"one\ntwo\n", "three\nfour\n"});
}

TEST_CASE("lines end in CRLF as in LF, and a byte order mark is not text") {
  Scratch scratch;
  const std::string text = "\xEF\xBB\xBFone\r\ntwo\r\n\r\nthree\r\n";
  CHECK(read_as(scratch, "line", text) == Documents{"one\n", "two\n", "three\n"});
  CHECK(read_as(scratch, "paragraph", text) == Documents{"one\ntwo\n", "three\n"});
  // A whole file is kept as it is.
  CHECK(read_as(scratch, "file", text) == Documents{text.substr(3)});
  CHECK(read_as(scratch, "file", "a\xEF\xBB\xBF") == Documents{"a\xEF\xBB\xBF"});

  CHECK(documents_of(source(scratch.write(
            "a.jsonl", "\xEF\xBB\xBF{\"text\":\"x\\r\\n\"}\r\n\r\n{\"text\":\"y\"}\r\n"))) ==
        Documents{"x\r\n", "y"});
  CHECK(documents_of(source(scratch.write("a.csv", "\xEF\xBB\xBFtext,n\r\nx,1\r\n"))) ==
        Documents{"x"});
}

TEST_CASE("csv fields may be quoted and hold commas, quotes and line breaks") {
  Scratch scratch;
  recipe::Source csv = source(
      scratch.write("a.csv", "id,body\n1,plain\n2,\"a, \"\"b\"\"\nc\"\n\n3,\n4,\"\"\n5,\"last\""));
  csv.field = "body";
  CHECK(documents_of(csv) == Documents{"plain", "a, \"b\"\nc", "last"});
}

TEST_CASE("csv that cannot be read names the line") {
  Scratch scratch;
  CHECK(complaint(scratch, "a.csv", "id,body\n1,x\n") ==
        "usage: a.csv:1: no column \"text\"; set the source's `field`");
  CHECK(complaint(scratch, "a.csv", "text,n\nx,1\ny\n") ==
        "usage: a.csv:3: 1 fields where the header has 2");
  CHECK(complaint(scratch, "a.csv", "text\n\"a\nb\n\"\"c\n") ==
        "usage: a.csv:2: a quote is not closed");
  CHECK(complaint(scratch, "a.csv", "text\n\"a\"b\n") ==
        "usage: a.csv:2: text after a closing quote");
  CHECK(complaint(scratch, "a.csv", "text\na\"b\"\n") ==
        "usage: a.csv:2: a quote within an unquoted field");
  CHECK(complaint(scratch, "a.csv", "text\nab\nc\xFF\n") ==
        "usage: a.csv:3:2: invalid UTF-8: byte 0xFF; convert the file to UTF-8");
}

TEST_CASE("json lines give their field; other fields may hold anything") {
  Scratch scratch;
  CHECK(documents_of(source(scratch.write(
            "a.jsonl",
            "{\"text\":\"a\\u00e9\\n\",\"id\":123456789012345678901234567890,\"x\":[1.5e300]}\n"
            "{\"text\":\"\"}\n  \n{\"n\":null,\"text\":\"b\"}"))) == Documents{"a\xC3\xA9\n", "b"});
}

TEST_CASE("json lines that cannot be read name the line") {
  Scratch scratch;
  const std::string good = "{\"text\":\"a\"}\n";
  const auto second = [&](const std::string& line) {
    return complaint(scratch, "a.jsonl", good + line + "\n" + good);
  };
  CHECK(second("{\"txt\":\"a\"}") ==
        "usage: a.jsonl:2: no field \"text\"; set the source's `field`");
  CHECK(second("{\"text\":3}") == "usage: a.jsonl:2: field \"text\" is not a string");
  CHECK(second("{\"text\":null}") == "usage: a.jsonl:2: field \"text\" is not a string");
  CHECK(second("[\"text\"]") == "usage: a.jsonl:2: not a JSON object");
  for (const char* line :
       {"{\"text\":\"a\"", "{\"text\":\"a\",\"n\":NaN}", "{\"text\":\"a\",\"n\":-Infinity}",
        "{\"text\":\"a\",\"n\":1e400}", "{\"text\":\"\\ud800\"}", "{\"text\":\"a\"}{}", "text",
        "{\"text\":\"a\",\"text\":\"b\"}"}) {
    CAPTURE(line);
    CHECK_THAT(second(line), ContainsSubstring("usage: a.jsonl:2: byte "));
  }
  CHECK_THAT(second("{\"text\":\"a\xC3\"}"),
             ContainsSubstring("usage: a.jsonl:2:11: invalid UTF-8: byte 0xC3"));
  const std::string deep(100'000, '[');
  CHECK_THAT(second("{\"text\":\"a\",\"n\":" + deep + "}"), ContainsSubstring("a.jsonl:2: byte "));
}

TEST_CASE("invalid UTF-8 is named by line and byte of the line") {
  Scratch scratch;
  for (const char* kind : {"file", "line", "paragraph"}) {
    CAPTURE(kind);
    CHECK(complaint(scratch, "a.txt", "good\nna\xC3\xAFve \xE9t\xE9\n", kind) ==
          "usage: a.txt:2:8: invalid UTF-8: byte 0xE9; convert the file to UTF-8");
    CHECK(complaint(scratch, "a.txt", std::string("\xFF\xFEh\0i\0", 6), kind) ==
          "usage: a.txt:1:1: invalid UTF-8: byte 0xFF; the file is UTF-16; convert it to UTF-8");
    // A character that the end of the file cuts.
    CHECK_THAT(complaint(scratch, "a.txt", "ab\n\xE2\x82", kind),
               ContainsSubstring("a.txt:2:1: invalid UTF-8: byte 0xE2"));
    // Overlong, surrogate, beyond U+10FFFF.
    CHECK_THAT(complaint(scratch, "a.txt", "a\xC0\xAF", kind), ContainsSubstring("a.txt:1:2:"));
    CHECK_THAT(complaint(scratch, "a.txt", "a\xED\xA0\x80", kind), ContainsSubstring("a.txt:1:2:"));
    CHECK_THAT(complaint(scratch, "a.txt", "a\xF4\x90\x80\x80", kind),
               ContainsSubstring("a.txt:1:2:"));
    // The line is longer than a block of reading.
    CHECK_THAT(complaint(scratch, "a.txt", "x\n" + std::string(200'000, 'a') + "\xFF", kind),
               ContainsSubstring("a.txt:2:200001: "));
  }
}

TEST_CASE("a character may lie across any block of reading") {
  Scratch scratch;
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string text(shift, 'a');
    while (text.size() < 200'000) text += "\xF0\x9F\x98\x80";
    CHECK(read_as(scratch, "file", text) == Documents{text});
    CHECK(read_as(scratch, "line", text) == Documents{text + "\n"});
  }
}

TEST_CASE("a line may be long, and lines may be many and empty") {
  Scratch scratch;
  const std::string longest(3'000'000, 'x');
  CHECK(read_as(scratch, "line", "a\n" + longest + "\nb") ==
        Documents{"a\n", longest + "\n", "b\n"});
  const std::string empty(1'000'000, '\n');
  CHECK(read_as(scratch, "line", empty + "a" + empty) == Documents{"a\n"});
  CHECK(read_as(scratch, "paragraph", empty + "a" + empty) == Documents{"a\n"});
  CHECK_THAT(complaint(scratch, "a.jsonl", empty + "{}"),
             ContainsSubstring("a.jsonl:1000001: no field"));
}

TEST_CASE("a setting that applies to no file is refused") {
  Scratch scratch;
  const auto refusal = [&](const char* name, const char* field, const char* document,
                           const char* key = "data.train.0") {
    recipe::Source given = source(scratch.path(name));
    given.field = field;
    given.document = document;
    return error_text([&] { resolve_source(given, key); });
  };
  const std::string txt = scratch.write("in/a.txt", "a"), csv = scratch.write("in/a.csv", "b\na");
  CHECK(refusal("in/a.txt", "b", "auto") ==
        "usage: data.train.0.field applies to json, jsonl, csv and tsv only, and " + txt +
            " is txt");
  CHECK(refusal("in/a.txt", "b", "auto", "") ==
        "usage: --field applies to json, jsonl, csv and tsv only, and " + txt + " is txt");
  CHECK(refusal("in/a.csv", "b", "line", "") ==
        "usage: --document applies to txt only, and " + csv + " has fields");
  CHECK(refusal("in/a.txt", "text", "line") == "");
  CHECK(refusal("in/a.csv", "b", "auto") == "");
  CHECK(refusal("in", "b", "line") == "");  // a folder with both
}

TEST_CASE("a source without text is refused") {
  Scratch scratch;
  for (const char* kind : {"file", "line", "paragraph"}) {
    CAPTURE(kind);
    CHECK_THAT(complaint(scratch, "a.txt", "", kind), ContainsSubstring("usage: a.txt: no text"));
  }
  CHECK_THAT(complaint(scratch, "a.txt", "\n \r\n\n", "line"), ContainsSubstring("no text"));
  CHECK_THAT(complaint(scratch, "a.txt", "\xEF\xBB\xBF"), ContainsSubstring("no text"));
  CHECK_THAT(complaint(scratch, "a.jsonl", ""), ContainsSubstring("no text"));
  CHECK_THAT(complaint(scratch, "a.jsonl", "{\"text\":\"\"}\n"), ContainsSubstring("no text"));
  CHECK_THAT(complaint(scratch, "a.csv", ""), ContainsSubstring("no text"));
  CHECK_THAT(complaint(scratch, "a.csv", "text\n"), ContainsSubstring("no text"));
}

}  // namespace llmops::data
