#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/enum_names.h"

namespace llmops::config {

struct Duration {
  double seconds = 0;
  bool operator==(const Duration&) const = default;
};

// The effect of a change of the key on a run: identity changes the result, horizon changes how long
// it is, operational changes neither. Resume refuses a change of identity.
enum class Role { kIdentity, kHorizon, kOperational };

// The condition on a value, and its role. Built by the functions below and chained:
// at_least(1).horizon(), one_of({"a", "b"}).operational(), path().
struct Rule {
  std::optional<double> low, high;  // inclusive unless open
  bool open_low = false, open_high = false;
  std::vector<std::string_view> choices;  // a text must be one of them
  std::size_t longest = 0;  // a text of one line with 1 to `longest` characters; 0 = any
  bool is_path = false;     // relative to the file that holds it
  Role role = Role::kIdentity;

  Rule&& exclude_low() && {
    open_low = true;
    return std::move(*this);
  }
  Rule&& horizon() && {
    role = Role::kHorizon;
    return std::move(*this);
  }
  Rule&& operational() && {
    role = Role::kOperational;
    return std::move(*this);
  }
};
inline Rule any() {
  return {};
}
inline Rule at_least(double low) {
  Rule r;
  r.low = low;
  return r;
}
inline Rule between(double low, double high) {
  Rule r;
  r.low = low;
  r.high = high;
  return r;
}
inline Rule between_open(double low, double high) {  // [low, high)
  Rule r = between(low, high);
  r.open_high = true;
  return r;
}
inline Rule above(double low) {
  Rule r;
  r.low = low;
  r.open_low = true;
  return r;
}
inline Rule one_of(std::vector<std::string_view> names) {
  Rule r;
  r.choices = std::move(names);
  return r;
}
inline Rule one_line(std::size_t longest) {
  Rule r;
  r.longest = longest;
  return r;
}
inline Rule path() {
  Rule r;
  r.is_path = true;
  return r;
}

// A reference to a member that is an enum. Files, stores and messages have its names, which are the
// choices of the field's rule.
class EnumRef {
 public:
  template <typename E>
  explicit EnumRef(E& value)
      : value_(&value),
        name_([](const void* v) { return enum_name(*static_cast<const E*>(v)); }),
        set_([](void* v, std::string_view name) {
          if (const auto found = find_enum<E>(name)) *static_cast<E*>(v) = *found;
        }) {}

  std::string_view name() const { return name_(value_); }
  void set(std::string_view name) const { set_(value_, name); }  // no effect for an unknown name

 private:
  void* value_;
  std::string_view (*name_)(const void*);
  void (*set_)(void*, std::string_view);
};

// A reference to one setting's member.
using FieldRef =
    std::variant<bool*, std::int64_t*, double*, std::string*, Duration*, EnumRef,
                 std::optional<bool>*, std::optional<std::int64_t>*, std::optional<double>*,
                 std::optional<std::string>*, std::optional<Duration>*, std::vector<double>*,
                 std::vector<std::string>*>;

// A list of sections of one type, seen without its type. visit(i, v) visits element i with v;
// append() adds a default element.
struct SectionList {
  std::function<std::size_t()> size;
  std::function<void()> append;
  std::function<void(std::size_t, class Visitor&)> visit;
  std::function<void()> clear;
};

// One list per section, fields(Visitor&), is the source of every view of the settings: parser,
// overrides, help, reference, JSON schema, digest, stored parameters. A section is any struct with
// `void fields(config::Visitor&)`.
class Visitor {
 public:
  virtual ~Visitor() = default;

  template <typename Value>
  void field(std::string_view key, Value& value, std::string_view doc, const Rule& rule = {}) {
    if constexpr (std::is_enum_v<Value>) {
      Rule choice = rule;
      for (const auto& entry : names_of(value)) choice.choices.push_back(entry.name);
      leaf(key, FieldRef(EnumRef(value)), doc, choice);
    } else {
      leaf(key, FieldRef(&value), doc, rule);
    }
  }
  template <typename Section>
  void section(std::string_view key, Section& value, std::string_view doc) {
    if (enter(key, doc)) {
      value.fields(*this);
      leave();
    }
  }
  // A section that is absent unless its key is in the file.
  template <typename Section>
  void section(std::string_view key, std::optional<Section>& value, std::string_view doc) {
    if (!enter_optional(key, doc, value.has_value())) {
      return;
    }
    if (!value) value.emplace();
    value->fields(*this);
    leave();
  }
  template <typename Section>
  void list(std::string_view key, std::vector<Section>& value, std::string_view doc) {
    sections(key,
             SectionList{[&value] { return value.size(); }, [&value] { value.emplace_back(); },
                         [&value](std::size_t i, Visitor& v) { value[i].fields(v); },
                         [&value] { value.clear(); }},
             doc);
  }

 protected:
  virtual void leaf(std::string_view key, FieldRef value, std::string_view doc,
                    const Rule& rule) = 0;
  virtual bool enter(std::string_view key, std::string_view doc) = 0;
  // `present`: the section already holds a value. True: fields are visited (and it is created).
  virtual bool enter_optional(std::string_view key, std::string_view doc, bool present) = 0;
  virtual void leave() = 0;
  virtual void sections(std::string_view key, const SectionList& list, std::string_view doc) = 0;
};

}  // namespace llmops::config
