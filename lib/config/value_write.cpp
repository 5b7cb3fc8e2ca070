#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "config/environment.h"
#include "config/value.h"

namespace llmops::config {

namespace {

Json json(bool value) {
  return Json(value);
}
Json json(std::int64_t value) {
  return Json(value);
}
Json json(double value) {
  return Json(value);
}
Json json(const std::string& value) {
  return Json(value);
}
Json json(const Duration& value) {
  return Json(value.seconds);
}
template <typename T>
Json json(const std::optional<T>& value) {
  return value ? json(*value) : Json();
}
template <typename T>
Json json(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push(json(value));
  return list;
}

std::string yaml(bool value) {
  return value ? "true" : "false";
}
std::string yaml(std::int64_t value) {
  return fmt::format("{}", value);
}
std::string yaml(double value) {
  return format_double(value);
}
std::string yaml(const std::string& value) {
  return yaml_string(escape_environment(value));
}
std::string yaml(const Duration& value) {
  for (const auto& [unit, seconds] : {std::pair{'h', 3600.0}, std::pair{'m', 60.0}}) {
    if (value.seconds > 0 && std::fmod(value.seconds, seconds) == 0) {
      return fmt::format("{}{}", value.seconds / seconds, unit);
    }
  }
  return format_double(value.seconds) + "s";
}
template <typename T>
std::string yaml(const std::optional<T>& value) {
  return value ? yaml(*value) : "null";
}
template <typename T>
std::string yaml(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const T& value : values) texts.push_back(yaml(value));
  return "[" + join(texts, ", ") + "]";
}

constexpr std::string_view name(const bool*) {
  return "boolean";
}
constexpr std::string_view name(const std::int64_t*) {
  return "integer";
}
constexpr std::string_view name(const double*) {
  return "number";
}
constexpr std::string_view name(const std::string*) {
  return "text";
}
constexpr std::string_view name(const Duration*) {
  return "duration";
}
template <typename T>
constexpr std::string_view name(const std::optional<T>*) {
  return name(static_cast<const T*>(nullptr));
}

constexpr std::string_view name(const std::vector<double>*) {
  return "list of numbers";
}
constexpr std::string_view name(const std::vector<std::string>*) {
  return "list of texts";
}

template <typename T>
constexpr bool optional(const T*) {
  return false;
}
template <typename T>
constexpr bool optional(const std::optional<T>*) {
  return true;
}

// A function for std::visit with one overload per function object.
template <typename... Functions>
struct Each : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Each(Functions...) -> Each<Functions...>;

bool is_plain(std::string_view text) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.-";
  if (text.empty() || text.front() == '-' || text.find_first_not_of(kSafe) != text.npos)
    return false;
  // Words and numbers that other YAML readers do not read as text.
  for (const std::string_view word :
       {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}) {
    if (text.size() == word.size() && std::equal(text.begin(), text.end(), word.begin(),
                                                 [](char a, char b) { return (a | 0x20) == b; })) {
      return false;
    }
  }
  return (text[0] < '0' || text[0] > '9') && text[0] != '.' ? true : !parse_double(text);
}

}  // namespace

std::string yaml_string(std::string_view text) {
  return is_plain(text) ? std::string(text) : Json(text).dump();  // JSON strings are YAML strings
}

Json value_of(const FieldRef& field) {
  return std::visit(Each{[](const EnumRef& choice) { return Json(choice.name()); },
                         [](const auto* value) { return json(*value); }},
                    field);
}

std::string yaml_of(const FieldRef& field) {
  return std::visit(Each{[](const EnumRef& choice) { return yaml_string(choice.name()); },
                         [](const auto* value) { return yaml(*value); }},
                    field);
}

bool is_optional(const FieldRef& field) {
  return std::visit(
      Each{[](const EnumRef&) { return false; }, [](const auto* value) { return optional(value); }},
      field);
}

std::string_view type_name(const FieldRef& field) {
  return std::visit(Each{[](const EnumRef&) { return std::string_view("text"); },
                         [](const auto* value) { return name(value); }},
                    field);
}

}  // namespace llmops::config
