#include "recipe/expect.h"

#include <cmath>

#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops::recipe {

TEST_CASE("an expectation is metric, operator, number") {
  const Expectation a = parse_expectation("eval/loss <= 1.9");
  CHECK(a.metric == "eval/loss");
  CHECK(a.op == Expectation::Op::kLessEqual);
  CHECK(a.value == 1.9);
  CHECK(a.text() == "eval/loss <= 1.9");
  CHECK(parse_expectation("bits_per_byte<1").op == Expectation::Op::kLess);
  CHECK(parse_expectation("sample/parse_rate>=90%").value == 0.9);
  CHECK(parse_expectation(" x == -3e-4 ").value == -3e-4);
}

TEST_CASE("what is none is refused with the form to write") {
  for (const char* text : {"", "eval/loss", "<= 1", "x <= ", "x <= y", "x = 1", "x => 1", "x ! 1",
                           "x <= 1 2", "x y < 1", "x < nan"}) {
    CHECK(error_text([&] { parse_expectation(text); }) ==
          std::string("usage: '") + text +
              "' is not an expectation; write METRIC OP NUMBER, as in 'eval/loss <= 1.9'");
  }
}

TEST_CASE("every operator holds where it should, none for NaN") {
  const auto holds = [](const char* text, double measured) {
    return parse_expectation(text).holds(measured);
  };
  CHECK((holds("x < 1", 0.5) && !holds("x < 1", 1)));
  CHECK((holds("x <= 1", 1) && !holds("x <= 1", 1.5)));
  CHECK((holds("x > 1", 1.5) && !holds("x > 1", 1)));
  CHECK((holds("x >= 1", 1) && !holds("x >= 1", 0.5)));
  CHECK((holds("x == 1", 1) && !holds("x == 1", 2)));
  CHECK((holds("x != 1", 2) && !holds("x != 1", 1)));
  for (const char* op : {"<", "<=", ">", ">=", "==", "!="}) {
    CHECK_FALSE(holds((std::string("x ") + op + " 1").c_str(), std::nan("")));
  }
}

}  // namespace llmops::recipe
