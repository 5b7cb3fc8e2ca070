#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace llmops {

// A JSON value (RFC 8259). Objects keep the order of their keys. Integers and doubles are different
// types, so 2^53 + 1 survives. Values are plain data; copy and move are deep.
class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::size_t value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  template <typename T>
  Json(const std::optional<T>& value) {
    if (value) *this = Json(*value);
  }

  static Json array() { return Json(Array{}); }
  static Json object() { return Json(Object{}); }

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_int() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_int() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // Each throws Error(kDamaged) naming the wanted and the found type. as_int takes integral
  // doubles; as_double takes integers and the strings "NaN", "Infinity", "-Infinity".
  bool as_bool() const;
  std::int64_t as_int() const;
  double as_double() const;
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;
  Array& as_array();
  Object& as_object();

  // The member; nullptr when there is none or this is not an object.
  const Json* find(std::string_view key) const;
  // The member; throws Error(kDamaged) naming the key when it is missing.
  const Json& at(std::string_view key) const;
  // Appends or replaces a member; null becomes an object. Returns *this for chaining.
  Json& set(std::string_view key, Json value);
  // Appends an element; null becomes an array.
  Json& push(Json value);
  std::size_t size() const;  // of an array or object, else 0

  // indent 0: one line without spaces after separators ("{\"a\":1}"); else pretty. Escapes every
  // control byte, and writes NaN and infinities as strings.
  std::string dump(int indent = 0) const;

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct JsonLimits {
  int max_depth = 64;
  std::size_t max_nodes = 50'000'000;
};

// Throws Error(kDamaged) at `name` and the byte offset unless the text is one JSON value in valid
// UTF-8, within the limits and without duplicate keys. Files may have up to 64 MiB.
Json parse_json(std::string_view text, std::string_view name, const JsonLimits& limits = {});
Json load_json(const std::string& path, const JsonLimits& limits = {});

}  // namespace llmops
