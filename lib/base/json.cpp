#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace llmops {

namespace {

[[noreturn]] void wrong_type(std::string_view wanted, const Json& found) {
  const std::string_view is = found.is_null()     ? "null"
                              : found.is_bool()   ? "a boolean"
                              : found.is_number() ? "a number"
                              : found.is_string() ? "a string"
                              : found.is_array()  ? "an array"
                                                  : "an object";
  throw damaged("expected {}, found {}", wanted, is);
}

// Reports to the handler how far the parser has read.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** cursor) : at_(at), cursor_(cursor) {}
  const char& operator*() const { return *at_; }
  CountingIterator& operator++() {
    *cursor_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** cursor_;
};

// Builds the value from events. nlohmann's own tree drops duplicate keys and recurses without a
// bound; its event parser does neither.
class Builder {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}

  bool null() { return add(Json()); }
  bool boolean(bool value) { return add(Json(value)); }
  bool number_integer(std::int64_t value) { return add(Json(value)); }
  bool number_unsigned(std::uint64_t value) {
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return add(value <= kMax ? Json(static_cast<std::int64_t>(value))
                             : Json(static_cast<double>(value)));
  }
  bool number_float(double value, const std::string&) { return add(Json(value)); }
  bool string(std::string& value) { return add(Json(std::move(value))); }
  bool binary(std::vector<std::uint8_t>&) { return refuse("binary value"); }

  bool start_object(std::size_t) { return open(Json::object()); }
  bool key(std::string& name) {
    open_.back().as_object().emplace_back(std::move(name), Json());
    return true;
  }
  bool end_object() {
    std::vector<std::string_view> keys;
    for (const Json::Member& member : open_.back().as_object()) keys.push_back(member.first);
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) {
      return refuse(fmt::format("the object that ends here has the key \"{}\" twice", *twice));
    }
    return close();
  }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_array() { return close(); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while …"
    std::string_view text = e.what();
    for (const std::string_view end : {"] ", ": "}) {
      const std::size_t cut = text.find(end);
      if (cut != std::string_view::npos) text.remove_prefix(cut + end.size());
    }
    offset = position > 0 ? position - 1 : 0;
    return refuse(text);
  }

  Json result;
  std::string problem;
  std::optional<std::size_t> offset;  // of a syntax error

 private:
  bool refuse(std::string_view why) {
    problem = why;
    return false;
  }
  bool open(Json container) {
    if (static_cast<int>(open_.size()) >= limits_.max_depth) {
      return refuse(fmt::format("nested deeper than {} levels", limits_.max_depth));
    }
    open_.push_back(std::move(container));
    return true;
  }
  bool close() {
    Json done = std::move(open_.back());
    open_.pop_back();
    return add(std::move(done));
  }
  bool add(Json item) {
    if (++nodes_ > limits_.max_nodes) {
      return refuse(fmt::format("more than {} values", limits_.max_nodes));
    }
    if (open_.empty()) {
      result = std::move(item);
    } else if (open_.back().is_array()) {
      open_.back().as_array().push_back(std::move(item));
    } else {
      open_.back().as_object().back().second = std::move(item);
    }
    return true;
  }

  const JsonLimits& limits_;
  std::vector<Json> open_;
  std::size_t nodes_ = 0;
};

}  // namespace

bool Json::as_bool() const {
  if (const bool* value = std::get_if<bool>(&value_)) return *value;
  wrong_type("a boolean", *this);
}

std::int64_t Json::as_int() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const double* value = std::get_if<double>(&value_)) {
    if (*value == std::floor(*value) && *value >= -0x1p63 && *value < 0x1p63) {
      return static_cast<std::int64_t>(*value);
    }
  }
  wrong_type("an integer", *this);
}

double Json::as_double() const {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  if (const std::string* text = std::get_if<std::string>(&value_)) {
    if (*text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (*text == "Infinity") return std::numeric_limits<double>::infinity();
    if (*text == "-Infinity") return -std::numeric_limits<double>::infinity();
  }
  wrong_type("a number", *this);
}

const std::string& Json::as_string() const {
  if (const std::string* value = std::get_if<std::string>(&value_)) return *value;
  wrong_type("a string", *this);
}

const Json::Array& Json::as_array() const {
  if (const Array* value = std::get_if<Array>(&value_)) return *value;
  wrong_type("an array", *this);
}

const Json::Object& Json::as_object() const {
  if (const Object* value = std::get_if<Object>(&value_)) return *value;
  wrong_type("an object", *this);
}

Json::Array& Json::as_array() {
  return const_cast<Array&>(std::as_const(*this).as_array());
}
Json::Object& Json::as_object() {
  return const_cast<Object&>(std::as_const(*this).as_object());
}

const Json* Json::find(std::string_view key) const {
  if (const Object* members = std::get_if<Object>(&value_)) {
    for (const Member& member : *members) {
      if (member.first == key) return &member.second;
    }
  }
  return nullptr;
}

const Json& Json::at(std::string_view key) const {
  if (!is_object()) wrong_type("an object", *this);
  if (const Json* member = find(key)) return *member;
  throw damaged("missing key \"{}\"", key);
}

Json& Json::set(std::string_view key, Json value) {
  if (is_null()) *this = object();
  if (const Json* member = find(key)) {
    const_cast<Json&>(*member) = std::move(value);
  } else {
    as_object().emplace_back(std::string(key), std::move(value));
  }
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) *this = array();
  as_array().push_back(std::move(value));
  return *this;
}

std::size_t Json::size() const {
  if (is_array()) return as_array().size();
  if (is_object()) return as_object().size();
  return 0;
}

Json parse_json(std::string_view text, std::string_view name, const JsonLimits& limits) {
  const auto refuse = [&](std::size_t offset, std::string_view why) {
    return damaged("{}: byte {}: not valid JSON: {}", name, offset, printable(why));
  };
  // nlohmann ends the text at a NUL.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw refuse(nul, "NUL byte");
  }
  const char* cursor = text.data();
  Builder builder(limits);
  if (!nlohmann::json::sax_parse(CountingIterator(text.data(), &cursor),
                                 CountingIterator(text.data() + text.size(), &cursor), &builder)) {
    const auto read = static_cast<std::size_t>(cursor - text.data());
    throw refuse(builder.offset.value_or(read == 0 ? 0 : read - 1), builder.problem);
  }
  return std::move(builder.result);
}

Json load_json(const std::string& path, const JsonLimits& limits) {
  constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
  return parse_json(read_file(path, kMaxBytes, ExitCode::kDamaged), path, limits);
}

}  // namespace llmops
