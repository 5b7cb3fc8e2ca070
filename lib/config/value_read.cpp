#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "config/value.h"

namespace llmops::config {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

// YAML 1.1 reads 010 as 8, and many people mean 10.
bool looks_octal(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' &&
         text.find_first_not_of("0123456789_") == std::string_view::npos;
}

// One conversion per type. Returns true when the text is a value of the type.
bool read(std::string_view text, bool& value) {
  const std::string word = lower(text);
  value = word == "true" || word == "yes" || word == "on";
  return value || word == "false" || word == "no" || word == "off";
}
bool read(std::string_view text, std::int64_t& value) {
  const auto parsed = parse_int(text);
  if (parsed) value = *parsed;
  return parsed.has_value();
}
bool read(std::string_view text, double& value) {
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const auto parsed = parse_double(text);
  if (parsed) value = percent ? *parsed / 100 : *parsed;
  return parsed.has_value();
}
bool read(std::string_view text, std::string& value) {
  value = text;
  return true;
}
bool read(std::string_view text, Duration& value) {
  const auto parsed = parse_seconds(text);
  if (parsed) value.seconds = *parsed;
  return parsed.has_value();
}

constexpr std::string_view wanted(const bool&) {
  return "true or false";
}
constexpr std::string_view wanted(const std::int64_t&) {
  return "a whole number";
}
constexpr std::string_view wanted(const double&) {
  return "a number";
}
constexpr std::string_view wanted(const std::string&) {
  return "text";
}
constexpr std::string_view wanted(const Duration&) {
  return "a duration such as 90m";
}

constexpr std::string_view wanted_many(const double&) {
  return "a list of numbers";
}
constexpr std::string_view wanted_many(const std::string&) {
  return "a list of texts";
}

double number(std::int64_t value) {
  return static_cast<double>(value);
}
double number(double value) {
  return value;
}
double number(const Duration& value) {
  return value.seconds;
}

bool in_range(double value, const Rule& rule) {
  if (rule.low && (rule.open_low ? value <= *rule.low : value < *rule.low)) return false;
  return !rule.high || (rule.open_high ? value < *rule.high : value <= *rule.high);
}

// Returns the integer to write in place of "1e3".
std::string integer_hint(std::string_view text) {
  const auto value = parse_double(text);
  if (!value || *value != std::floor(*value) || std::fabs(*value) >= 0x1p53) return "";
  return fmt::format("write {}", static_cast<std::int64_t>(*value));
}

// Returns a value for a message. A value from the environment may be secret and is not shown.
std::string shown(const Node& node) {
  return node.given.empty() ? fmt::format("'{}'", printable(node.text))
                            : fmt::format("the value of {}", printable(node.given));
}

// Whether a text is one line and not longer than its bound. Reports the error if not.
bool fits(std::string_view text, const Node& node, const Rule& rule, const Report& report) {
  const std::size_t width = display_width(text);
  if (width < 1 || width > rule.longest) {
    report(node, fmt::format("must be {}, has {}", describe(rule), width), "");
    return false;
  }
  if (text.find_first_of("\r\n") != std::string_view::npos) {
    report(node, "must be one line", "");
    return false;
  }
  return true;
}

template <typename T>
bool allowed(const T& value, const Node& node, const Rule& rule, const Report& report) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (rule.longest > 0 && !fits(value, node, rule, report)) return false;
    if (rule.choices.empty()) return true;
    if (std::find(rule.choices.begin(), rule.choices.end(), value) != rule.choices.end()) {
      return true;
    }
    const std::vector<std::string> names(rule.choices.begin(), rule.choices.end());
    const auto near = nearest(value, names);
    report(node, fmt::format("{} is not {}", shown(node), describe(rule)),
           near ? "did you mean " + *near + "?" : "");
    return false;
  } else if constexpr (!std::is_same_v<T, bool>) {
    if (in_range(number(value), rule)) return true;
    report(node,
           node.given.empty()
               ? fmt::format("must be {}, is {}", describe(rule), printable(node.text))
               : fmt::format("must be {}, {} is not", describe(rule), shown(node)),
           "");
    return false;
  }
  return true;
}

template <typename T>
bool read_one(const Node& node, const Rule& rule, const Report& report, T& value) {
  if (node.kind != Node::Kind::kScalar) {
    report(node, fmt::format("expected {}, found {}", wanted(value), node.kind_name()), "");
    return false;
  }
  constexpr bool kIsText = std::is_same_v<T, std::string>;
  if constexpr (!kIsText) {
    if (looks_octal(node.text)) {
      report(node, fmt::format("{} could be octal", shown(node)), "write it without leading zeros");
      return false;
    }
  }
  T parsed{};
  if ((!kIsText && node.quoted) || !read(node.text, parsed)) {
    const std::string range = describe(rule);
    report(node,
           fmt::format("{} is not {}{}", shown(node), wanted(value),
                       range.empty() ? "" : " (" + range + ")"),
           std::is_same_v<T, std::int64_t> && node.given.empty() ? integer_hint(node.text) : "");
    return false;
  }
  if (!allowed(parsed, node, rule, report)) return false;
  value = std::move(parsed);
  return true;
}

struct Assign {
  const Node& node;
  const Rule& rule;
  const Report& report;

  void operator()(const EnumRef& target) const {
    std::string name;
    if (read_one(node, rule, report, name)) target.set(name);
  }
  template <typename T>
  void operator()(T* target) const {
    read_one(node, rule, report, *target);
  }
  template <typename T>
  void operator()(std::optional<T>* target) const {
    T value{};
    if (read_one(node, rule, report, value)) *target = std::move(value);
  }
  template <typename T>
  void operator()(std::vector<T>* target) const {
    if (node.kind != Node::Kind::kList) {
      const std::string& text = node.given.empty() ? node.text : node.given;
      const std::string hint =
          node.kind == Node::Kind::kScalar ? fmt::format("write [{}]", printable(text)) : "";
      report(node, fmt::format("expected {}, found {}", wanted_many(T{}), node.kind_name()), hint);
      return;
    }
    std::vector<T> values;
    for (const Node& item : node.items) {
      T value{};
      if (!read_one(item, rule, report, value)) return;
      values.push_back(std::move(value));
    }
    *target = std::move(values);
  }
};

}  // namespace

void assign(const FieldRef& field, const Node& node, const Rule& rule, const Report& report) {
  std::visit(Assign{node, rule, report}, field);
}

std::string describe(const Rule& rule) {
  if (!rule.choices.empty()) {
    const std::vector<std::string> names(rule.choices.begin(), rule.choices.end());
    return names.size() == 1 ? names[0] : "one of " + join(names, ", ");
  }
  if (rule.longest > 0) return fmt::format("1 to {} characters", rule.longest);
  if (rule.low && rule.high) {
    const std::string low = format_double(*rule.low), high = format_double(*rule.high);
    if (low == high) return low;
    if (!rule.open_low && !rule.open_high) return fmt::format("between {} and {}", low, high);
    return fmt::format("{} {} and {} {}", rule.open_low ? "above" : "at least", low,
                       rule.open_high ? "below" : "at most", high);
  }
  if (rule.low) {
    return fmt::format("{} {}", rule.open_low ? "above" : "at least", format_double(*rule.low));
  }
  return rule.high ? "at most " + format_double(*rule.high) : "";
}

}  // namespace llmops::config
