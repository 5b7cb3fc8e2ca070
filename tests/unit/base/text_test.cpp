#include "base/text.h"

#include <limits>

#include "tests/catch.h"

namespace llmops {

TEST_CASE("split keeps empty parts and join undoes it") {
  CHECK(split("a,,b", ',') == std::vector<std::string>{"a", "", "b"});
  CHECK(split("", ',') == std::vector<std::string>{""});
  CHECK(join(split("a,,b", ','), ",") == "a,,b");
  CHECK(trim(" \t a b\n") == "a b");
  CHECK(trim("  ").empty());
}

TEST_CASE("whole numbers are read whole or not at all") {
  CHECK(parse_int("1_000_000") == 1000000);
  CHECK(parse_int("-7") == -7);
  CHECK(parse_int("+7") == 7);
  CHECK(parse_int("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
  for (const char* text : {"", "9223372036854775808", "1e3", "1.0", "0x10", " 1", "1 ", "_1", "1_",
                           "1__0", "+-1", "-", "1a"}) {
    INFO(text);
    CHECK_FALSE(parse_int(text));
  }
}

TEST_CASE("decimal numbers are finite") {
  CHECK(parse_double("3e-4") == 3e-4);
  CHECK(parse_double("1_000.5") == 1000.5);
  CHECK(parse_double(".5") == 0.5);
  for (const char* text : {"", "nan", "inf", "-Infinity", "1e999", "0x1p3", "1,5", "1e", "--1"}) {
    INFO(text);
    CHECK_FALSE(parse_double(text));
  }
}

TEST_CASE("durations carry units") {
  CHECK(parse_seconds("90m") == 5400.0);
  CHECK(parse_seconds("1.5h") == 5400.0);
  CHECK(parse_seconds("2d") == 172800.0);
  CHECK(parse_seconds("250ms") == Approx(0.25));
  CHECK(parse_seconds("10") == 10.0);
  for (const char* text : {"", "m", "-1s", "1y", "1m30"}) {
    INFO(text);
    CHECK_FALSE(parse_seconds(text));
  }
}

TEST_CASE("figures are written for people") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1288490189) == "1.2 GiB");
  CHECK(format_bytes(1023.99 * 1024) == "1.0 MiB");
  CHECK(format_seconds(0.85) == "850 ms");
  CHECK(format_seconds(1.5) == "1.5 s");
  CHECK(format_seconds(80) == "1m 20s");
  CHECK(format_seconds(7500) == "2h 05m");
  CHECK(format_seconds(200000) == "2d 07h");
  CHECK(format_count(795904) == "795,904");
  CHECK(format_count(1540000) == "1.54M");
  CHECK(format_count(-1234) == "-1,234");
  CHECK(format_count(12) == "12");
  CHECK(format_count(1.24e9) == "1.24B");
  CHECK(format_double(0.0003) == "0.0003");
  CHECK(format_double(1.0) == "1");
  CHECK(format_double(0.1 + 0.2) == "0.30000000000000004");
}

TEST_CASE("the nearest word is found, and none when all are far") {
  const std::vector<std::string> words{"learning_rate", "weight_decay", "betas", "eps", "seed"};
  CHECK(nearest("learning_rat", words) == "learning_rate");
  CHECK(nearest("lerning_rtae", words) == "learning_rate");
  CHECK(nearest("beats", words) == "betas");
  CHECK(nearest("sede", words) == "seed");
  CHECK_FALSE(nearest("lr", words));
  CHECK_FALSE(nearest("momentum", words));
  CHECK_FALSE(nearest("", words));
  CHECK_FALSE(nearest(std::string(1'000'000, 'a'), words));
}

TEST_CASE("text from outside is shown without control bytes") {
  CHECK(printable("a\x1b[31m\n\x7f") == "a\\x1b[31m\\x0a\\x7f");
  CHECK(printable("a\n\tb", true) == "a\n\tb");
  CHECK(printable("\xc2\x9b") == "\\u{009b}");
  CHECK(printable("a\xe2\x80\xae"
                  "b") == "a\\u{202e}b");
  // Zero width, soft hyphen, byte order mark, tags and a filler; emoji and accents are seen.
  CHECK(printable("a\xe2\x80\x8b\xe2\x80\x8d\xe2\x81\xa0\xef\xbb\xbf") ==
        "a\\u{200b}\\u{200d}\\u{2060}\\u{feff}");
  // Between letters beyond ASCII the joiners belong to the word.
  const std::string word = "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae";
  CHECK(printable(word) == word);
  CHECK(printable("a\xe2\x80\x8c\xd8\xae") == "a\\u{200c}\xd8\xae");
  CHECK(printable("\xc2\xad\xe1\x85\xa0\xf3\xa0\x81\x81") == "\\u{00ad}\\u{1160}\\u{e0041}");
  const std::string seen = "e\xcc\x81 \xe2\x9d\xa4\xef\xb8\x8f \xf0\x9f\x98\x80 \xc2\xae";
  CHECK(printable(seen) == seen);
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(printable("déjà 日本") == "déjà 日本");
}

TEST_CASE("UTF-8 is checked as RFC 3629 says") {
  CHECK_FALSE(invalid_utf8("déjà 日本 \xf0\x9f\x98\x80"));
  CHECK(invalid_utf8("ab\xff") == 2u);
  CHECK(invalid_utf8("\xc0\x80") == 0u);          // overlong
  CHECK(invalid_utf8("\xe0\x80\x80") == 0u);      // overlong
  CHECK(invalid_utf8("\xed\xa0\x80") == 0u);      // surrogate
  CHECK(invalid_utf8("\xf4\x90\x80\x80") == 0u);  // above U+10FFFF
  CHECK(invalid_utf8("a\xe2\x80") == 1u);         // cut off
  CHECK(display_width("日本\xff") == 3);
}

}  // namespace llmops
