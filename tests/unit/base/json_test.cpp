#include "base/json.h"

#include <cmath>
#include <limits>

#include "base/random.h"
#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops {

namespace {

std::string refusal(std::string_view text, const JsonLimits& limits = {}) {
  return error_text([&] { parse_json(text, "f", limits); });
}

}  // namespace

TEST_CASE("values are read with their types and the order of their keys") {
  const Json json = parse_json(R"({"b": [1, 2.5, true, null], "a": "x\u00e9\n"})", "f");
  CHECK(json.as_object()[0].first == "b");
  CHECK(json.at("b").as_array()[0].is_int());
  CHECK_FALSE(json.at("b").as_array()[1].is_int());
  CHECK(json.at("b").as_array()[2].as_bool());
  CHECK(json.at("b").as_array()[3].is_null());
  CHECK(json.at("a").as_string() == "x\xc3\xa9\n");
  CHECK(json.find("c") == nullptr);
  CHECK(json.size() == 2);
}

TEST_CASE("integers keep all 64 bits; larger numbers become doubles") {
  CHECK(parse_json("9007199254740993", "f").as_int() == 9007199254740993);
  CHECK(parse_json("-9223372036854775808", "f").as_int() ==
        std::numeric_limits<std::int64_t>::min());
  CHECK_FALSE(parse_json("9223372036854775808", "f").is_int());
  CHECK(parse_json("9223372036854775808", "f").as_double() == 0x1p63);
  CHECK(parse_json("3.0", "f").as_int() == 3);
  CHECK(error_text([] { parse_json("3.5", "f").as_int(); }) ==
        "damaged: expected an integer, found a number");
  CHECK(error_text([] { parse_json("1e300", "f").as_int(); }) ==
        "damaged: expected an integer, found a number");
}

TEST_CASE("what is not one JSON value is refused with the byte") {
  CHECK(refusal("{\"a\": 1,}") ==
        "damaged: f: byte 8: not valid JSON: syntax error while parsing object key - unexpected "
        "'}'; expected string literal");
  CHECK(refusal("").starts_with("damaged: f: byte 0: "));
  CHECK(refusal("1 2").starts_with("damaged: f: byte 2: "));
  CHECK(refusal("[NaN]") != "");
  CHECK(refusal("[1e999]") ==
        "damaged: f: byte 5: not valid JSON: number overflow parsing '1e999'");
  CHECK(refusal("// no\n1") != "");
  CHECK(refusal("\"\xff\"") != "");
  CHECK(refusal("\"\\ud800\"") != "");
  CHECK(refusal(std::string_view("1\0x", 3)) == "damaged: f: byte 1: not valid JSON: NUL byte");
}

TEST_CASE("a duplicate key is refused by name") {
  CHECK(refusal(R"({"a": 1, "b": {"x": 1, "y": 2, "x": 3}})") ==
        "damaged: f: byte 37: not valid JSON: the object that ends here has the key \"x\" twice");
}

TEST_CASE("depth and size are bounded") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(refusal(nested(64)) == "");
  CHECK(refusal(nested(65)) == "damaged: f: byte 64: not valid JSON: nested deeper than 64 levels");
  CHECK(refusal(nested(5'000'000)).find("nested deeper") != std::string::npos);
  CHECK(refusal("[1,2,3]", {.max_nodes = 3}) ==
        "damaged: f: byte 6: not valid JSON: more than 3 values");
}

TEST_CASE("control bytes and broken UTF-8 never leave raw") {
  CHECK(Json("a\"\\\n\x01\x1b\x7f\xc2\x9b\xe2\x80\xae\xff").dump() ==
        R"("a\"\\\n\u0001\u001b\u007f\u009b\u202e\ufffd")");
  CHECK(Json("日本").dump() == "\"日本\"");
  const std::string tag = "\xf3\xa0\x81\x81";  // above U+FFFF: a surrogate pair
  CHECK(Json(tag).dump() == R"("\udb40\udc41")");
  CHECK(parse_json(Json(tag).dump(), "f").as_string() == tag);
}

TEST_CASE("numbers are written so that they read back the same") {
  CHECK(Json(1.0).dump() == "1.0");
  CHECK(Json(0.1).dump() == "0.1");
  CHECK(Json(1e300).dump() == "1e+300");
  CHECK(Json(-5).dump() == "-5");
  CHECK(Json(std::nan("")).dump() == "\"NaN\"");
  CHECK(std::isnan(Json("NaN").as_double()));
  CHECK(Json(-std::numeric_limits<double>::infinity()).dump() == "\"-Infinity\"");
  const std::uint64_t seed = 7;
  INFO("seed " << seed);
  Random random(seed, RandomStream::kSynthetic);
  for (int i = 0; i < 2000; ++i) {
    const double value = std::ldexp(random.normal(), static_cast<int>(random.below(600)) - 300);
    CHECK(parse_json(Json(value).dump(), "f").as_double() == value);
  }
}

TEST_CASE("a value is built, compared and written, compact or indented") {
  Json json;
  json.set("b", 1).set("a", Json().push(true).push(nullptr)).set("b", 2);
  CHECK(json.dump() == R"({"b":2,"a":[true,null]})");
  CHECK(json.dump(2) == "{\n  \"b\": 2,\n  \"a\": [\n    true,\n    null\n  ]\n}");
  CHECK(Json::object().dump(2) == "{}");
  CHECK(parse_json(json.dump(2), "f") == json);
  CHECK(error_text([&] { json.at("c"); }) == "damaged: missing key \"c\"");
  CHECK(error_text([&] { json.at("a").as_string(); }) ==
        "damaged: expected a string, found an array");
}

}  // namespace llmops
